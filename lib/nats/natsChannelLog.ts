import { catchError, throwError, timeout } from 'rxjs';
import type { ChannelLog, ChannelSlice } from '../app/hub/channelLog.js';
import { createAppending } from './appending.js';
import { createBroker, failed } from './broker.js';
import { createEpochs, type Epochs, type Era } from './epochs.js';
import { createFeed } from './feed.js';
import { settingsOf, type NatsChannelLogOptions } from './options.js';
import { read } from './reading.js';
import { createShared } from './shared.js';

/** Reads of the stream that go on at once. */
const READS = 32;

/**
 * Keeps the history of channels in a stream of NATS JetStream, which several servers may share: what a client of one publishes, the members on
 * all of them get, in the same order; and it outlives the servers. Needs the package `@nats-io/jetstream`, and an open connection, as
 * `@nats-io/transport-node` makes it.
 *
 * Offsets are places in the stream, so they have holes. Each server hears of all channels by one consumer. A message that is added again, by its
 * channel, source and id, is stored once. What fails is a `StoreError` of the store `nats`.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {TypeError} At call time, if the name of the stream is none.
 * @example
 * import type { NatsConnection } from 'rxwire/nats';
 *
 * const rooms = (connection: NatsConnection) => hub({ log: natsChannelLog({ connection, maxAge: 3_600_000 }) });
 */
export function natsChannelLog(options: NatsChannelLogOptions): ChannelLog {
  const broker = createBroker(settingsOf(options));
  const { scheduler } = broker;
  const epochs = watched(createEpochs(broker));
  const feed = createFeed(broker, epochs);
  const reads = createShared<ChannelSlice>(READS, broker.maxPending);
  const parts = { broker, feed, epochs };

  return {
    append: createAppending(broker, epochs.known),
    read(channel, query) {
      const key = JSON.stringify([channel, query.after?.epoch, query.after?.offset, query.limit]);
      const until = scheduler.now() + broker.timeout;
      // What nobody waits for any more is not read.
      const work = (): Promise<ChannelSlice> =>
        scheduler.now() < until ? read(channel, query, parts) : Promise.reject(new Error('no time was left for it'));
      return reads(key, work).pipe(
        timeout({ first: broker.timeout, scheduler }),
        catchError((error: unknown) => throwError(() => failed(error))),
      );
    },
    tail: feed.tail,
  };
}

/** Remembers what was seen last. */
function watched(epochs: Epochs): Epochs & { readonly known: () => Promise<string> } {
  let era: Era | undefined;
  const current = async (): Promise<Era> => (era = await epochs.current());
  return {
    ...epochs,
    current,
    renew: async (old) => (era = await epochs.renew(old)),
    known: async () => (era ?? (await current())).epoch,
  };
}
