import { catchError, Subscription, throwError, timeout } from 'rxjs';
import type { ChannelLog, ChannelSlice } from '../app/hub/channelLog.js';
import { refCounted } from '../internal/refCounted.js';
import { createAppender } from './appender.js';
import { createChannelHeads } from './channelHeads.js';
import { createChannelTails } from './channelTails.js';
import { createEntryReader } from './entryReader.js';
import { listChannels } from './listChannels.js';
import { createNatsContext, failed } from './natsContext.js';
import { natsSettingsOf, type NatsChannelLogOptions } from './natsOptions.js';
import { readHistory } from './readHistory.js';
import { createSharedReads } from './sharedReads.js';
import { createStreamCheck } from './streamCheck.js';
import { createEpochs } from './streamEpochs.js';
import { createStreamOpener } from './streamOpener.js';
import { createTailEpoch } from './tailEpoch.js';

/** The maximum number of concurrent reads. */
const MAX_READS = 32;

/**
 * Stores the history of channels in a stream of NATS JetStream that several servers may share. A
 * message of one server's client reaches the members on all servers, in the same order, and
 * outlives the servers. Needs the package `@nats-io/jetstream`, and an open connection of
 * `@nats-io/transport-node`.
 *
 * Offsets are not contiguous: an entry of the stream has up to 256 messages. Each server receives
 * the channels that it has a tail of. A message with the same channel, publisher and id as a
 * recent one is stored once, whichever server has stored it. Nothing is stored behind the end of a
 * channel, whichever server has ended it. Failures are `StoreError`s of the store `nats`.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {TypeError} At call time, if the name of the stream is invalid, or the connection has
 *   `noEcho`.
 * @example
 * import { hub } from 'rxwire';
 * import { natsChannelLog } from 'rxwire/nats';
 * import type { NatsConnection } from 'rxwire/nats';
 *
 * const rooms = (connection: NatsConnection) =>
 *   hub({ log: natsChannelLog({ connection, maxAge: 3_600_000 }) });
 */
export function natsChannelLog(options: NatsChannelLogOptions): ChannelLog {
  const context = createNatsContext(natsSettingsOf(options));
  const { scheduler } = context;
  const opener = createStreamOpener(context);
  const reader = createEntryReader(context);
  const epochs = createEpochs(context);
  const heads = createChannelHeads(context, reader, epochs);
  const epoch = createTailEpoch(() => check.suspect());
  const tails = createChannelTails(context, { reader, opener, heads, epoch, onAdded: () => check.lookSoon() });
  const check = createStreamCheck(context, { tails, epochs, epoch, opener });
  const reads = createSharedReads<ChannelSlice>(MAX_READS, context.maxPending);
  const onRead = (channel: string, seq: number, isEmpty: boolean): void => tails.get(channel)?.begin(seq, isEmpty);

  let checking = Subscription.EMPTY;
  const refCount = refCounted(
    () => (checking = check.checks$.subscribe({ error: tails.fail })),
    () => {
      checking.unsubscribe();
      epoch.forget();
    },
  );
  return {
    dropsRepeats: true,
    append: createAppender(context, { heads, opener, onRecovered: check.suspect }),
    read(channel, query) {
      const key = JSON.stringify([channel, query.after, query.before, query.limit]);
      const until = scheduler.now() + context.timeout;
      const work = (): Promise<ChannelSlice> =>
        opener.retry(until, () => readHistory(channel, query, { context, reader, epochs, opener, onRead }));
      return reads(key, work).pipe(
        timeout({ first: context.timeout, scheduler }),
        catchError((error: unknown) => throwError(() => failed(error))),
      );
    },
    broadcast: tails.broadcast,
    list: (prefix) => listChannels(prefix, { context, reader, epochs, opener }),
    tail: (channel) => refCount.by(tails.of(channel)),
  };
}
