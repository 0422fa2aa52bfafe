import { catchError, from, Subscription, throwError, timeout } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import type { ChannelLog, ChannelQuery, ChannelSlice } from '../../channels/channelLog.js';
import { refCounted } from '../../operators/channels/refCounted.js';
import { createAppender } from './channelAppender.js';
import { createChannelHeads } from './channelHeads.js';
import { createChannelTails } from './channelTails.js';
import { createNatsContext, failed, type NatsContext } from './natsContext.js';
import { createLogContext, logSettingsOf, type LogSettings, type NatsChannelLogOptions } from './logContext.js';
import { listStreamChannels, readHistory } from './readHistory.js';
import { createSharedReads } from './entryReader.js';
import { createStreamCheck } from './streamCheck.js';

const MAX_READS = 32;

/**
 * Stores the history of channels in a stream of NATS JetStream that several servers may share. A
 * message of one server's client reaches the members on all servers, in the same order, and
 * outlives the servers. Needs the package `@nats-io/jetstream`, and an open connection of
 * `@nats-io/transport-node`.
 *
 * Offsets are not contiguous: an entry of the stream has up to 256 messages. Each server receives
 * the channels that it has a tail of. A message with the same channel, publisher and id as a
 * recent one is stored once, whichever server has stored it: within `dedupeWindow`, and about
 * 262,144 messages. Nothing is stored behind the end of a channel, whichever server has ended it.
 * Failures are `StoreError`s of the store `nats`.
 *
 * An existing stream gets the limits of the options. A message may be as large as `max_payload` of
 * NATS, minus 4 KiB.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {TypeError} At call time, if the name of the stream is invalid, the connection has
 *   `noEcho`, or there is no option of this name.
 * @example
 * import { hub } from 'rxwire';
 * import { natsChannelLog } from 'rxwire/nats';
 * import type { NatsConnection } from 'rxwire/nats';
 *
 * const rooms = (connection: NatsConnection) =>
 *   hub({ log: natsChannelLog({ connection, maxAge: 3_600_000 }) });
 */
export function natsChannelLog(options: NatsChannelLogOptions): ChannelLog {
  checkOptions('natsChannelLog', options);
  return createChannelLog(createNatsContext(logSettingsOf(options)));
}

export function createChannelLog(context: NatsContext & LogSettings): ChannelLog {
  const log = createLogContext(context);
  const { scheduler } = log;
  const heads = createChannelHeads(log);
  const tails = createChannelTails(log, heads, () => check.lookSoon());
  const check = createStreamCheck(log, tails);
  const reads = createSharedReads<ChannelSlice>(MAX_READS, log.maxPending);
  const read = (channel: string, query: ChannelQuery): Promise<ChannelSlice> => {
    // A tail that begins later may be one of another epoch.
    const tail = tails.get(channel);
    return readHistory(log, channel, query, (seq, isEmpty) => tail?.begin(seq, isEmpty));
  };

  let checking = Subscription.EMPTY;
  const refCount = refCounted(
    () => (checking = check.checks$.subscribe({ error: tails.fail })),
    () => {
      checking.unsubscribe();
      tails.forgetEpoch();
    },
  );
  return {
    dropsRepeats: true,
    append: createAppender(log, heads, check.checkAll),
    read(channel, query) {
      const key = JSON.stringify([channel, query.after, query.before, query.limit]);
      const until = scheduler.now() + log.timeout;
      return from(reads(key, () => log.retry(() => read(channel, query), until))).pipe(
        timeout({ first: log.timeout, scheduler }),
        catchError((error: unknown) => throwError(() => failed(error))),
      );
    },
    broadcast: tails.broadcast,
    list: (prefix) => listStreamChannels(log, prefix),
    tail: (channel) => refCount.by(tails.of(channel)),
  };
}
