import { catchError, merge, throwError, timeout } from 'rxjs';
import type { ChannelLog, ChannelSlice } from '../app/hub/channelLog.js';
import { createAppender } from './appender.js';
import { createBroadcasts } from './broadcasts.js';
import { createNatsContext, failed } from './natsContext.js';
import { createEpochs, type Epochs, type StreamEpoch } from './streamEpochs.js';
import { createChannelFeed } from './channelFeed.js';
import { natsSettingsOf, type NatsChannelLogOptions } from './natsOptions.js';
import { createLastMessages } from './lastMessages.js';
import { readHistory } from './readHistory.js';
import { createSharedReads } from './sharedReads.js';

/** The maximum number of concurrent reads. */
const MAX_READS = 32;

/**
 * Stores the history of channels in a stream of NATS JetStream that several servers may share. A message of one server's client reaches the
 * members on
 * all servers, in the same order, and outlives the servers. Needs the package `@nats-io/jetstream`, and an open connection of
 * `@nats-io/transport-node`.
 *
 * Offsets are stream sequence numbers, so they are not contiguous. Each server receives all channels with one consumer. A message with the
 * same
 * channel, source and id is stored once. Nothing is stored behind the end of a channel, whichever server has ended it. Failures are `StoreError`s of the store `nats`.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {TypeError} At call time, if the name of the stream is invalid, or the connection has `noEcho`.
 * @example
 * import type { NatsConnection } from 'rxwire/nats';
 *
 * const rooms = (connection: NatsConnection) => hub({ log: natsChannelLog({ connection, maxAge: 3_600_000 }) });
 */
export function natsChannelLog(options: NatsChannelLogOptions): ChannelLog {
  const context = createNatsContext(natsSettingsOf(options));
  const { scheduler } = context;
  const epochs = withCache(createEpochs(context));
  const lastMessages = createLastMessages(context);
  const feed = createChannelFeed(context, epochs, lastMessages);
  const broadcasts = createBroadcasts(context);
  const reads = createSharedReads<ChannelSlice>(MAX_READS, context.maxPending);
  const readOptions = { context, feed, epochs };

  return {
    dropsRepeats: true,
    append: createAppender(context, { epochOf: epochs.known, lastMessages }),
    read(channel, query) {
      const key = JSON.stringify([channel, query.after, query.before, query.limit]);
      const until = scheduler.now() + context.timeout;
      // A read whose timeout has passed is skipped.
      const work = (): Promise<ChannelSlice> =>
        scheduler.now() < until ? readHistory(channel, query, readOptions) : Promise.reject(new Error('no time was left for it'));
      return reads(key, work).pipe(
        timeout({ first: context.timeout, scheduler }),
        catchError((error: unknown) => throwError(() => failed(error))),
      );
    },
    broadcast: broadcasts.send,
    tail: (channel) => merge(feed.tail(channel), broadcasts.of(channel)),
  };
}

/** Caches the epoch that was seen last. */
function withCache(epochs: Epochs): Epochs & { readonly known: () => Promise<StreamEpoch> } {
  let streamEpoch: StreamEpoch | undefined;
  const current = async (): Promise<StreamEpoch> => (streamEpoch = await epochs.current());
  return {
    ...epochs,
    current,
    renew: async (old) => (streamEpoch = await epochs.renew(old)),
    known: async () => streamEpoch ?? current(),
  };
}
