import { defer, finalize, type Observable } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry } from '../../server/hub/channelLog.js';
import type { Message } from '../../message/types.js';
import type { ChannelHeads } from './channelHeads.js';
import { createChannelTail, type ChannelTail } from './channelTail.js';
import type { LogContext } from './logContext.js';
import { failed } from './natsContext.js';
import type { StreamEntry } from './streamEntry.js';

export type ChannelTails = ReturnType<typeof createChannelTails>;

/**
 * The tails of this server, one for each channel that has subscribers, and each with a subscription
 * of core NATS.
 *
 * @param onAdded Called when a channel gets its first subscriber.
 */
export function createChannelTails(log: LogContext, heads: ChannelHeads, onAdded: () => void) {
  const tails = new Map<string, ChannelTail>();
  let epoch = '';
  /** The earlier epoch that the latest check has found in the stream. */
  let doubted = '';

  /** Fails all tails: the hub subscribes again and reads the missed messages. */
  const fail = (reason: unknown): void => {
    for (const tail of [...tails.values()]) tail.fail(reason);
  };
  /**
   * Reports an epoch of the stream. A later one than that of the tails ends them, and returns
   * false. An earlier one means nothing: its writer knows no later one.
   */
  const observe = (known: string): boolean => {
    const isOther = epoch !== '' && known > epoch;
    if (known > epoch) epoch = known;
    if (isOther) fail('another epoch has begun');
    return !isOther;
  };
  /**
   * Takes the epoch that a check has found in the stream. An earlier one than before the check also
   * ends the tails, when two checks have found it: a server whose clock is slow has begun it.
   *
   * @param before The epoch of the tails when the check has begun.
   */
  const confirm = (found: string, before: string): void => {
    const isEarlier = before === epoch && found < epoch;
    if (isEarlier && found === doubted) {
      epoch = found;
      fail('another epoch has begun');
    } else observe(found);
    doubted = isEarlier ? found : '';
  };
  const epochOf = ({ epoch: known = '' }: Pick<StreamEntry, 'epoch'>): string | undefined => (observe(known) && epoch) || undefined;
  const open = (channel: string): ChannelTail => {
    const onClose = (): void => {
      if (tails.get(channel) === tail) tails.delete(channel);
    };
    const tail = createChannelTail(log, channel, heads, epochOf, onClose);
    tails.set(channel, tail);
    onAdded();
    return tail;
  };
  return {
    observe,
    confirm,
    epoch: () => epoch,
    forgetEpoch: (): void => void (epoch = ''),
    get: (channel: string) => tails.get(channel),
    all: (): readonly ChannelTail[] => [...tails.values()],
    of: (channel: string): Observable<ChannelEntry | ChannelBroadcast> =>
      defer(() => {
        const { entries$, close } = tails.get(channel) ?? open(channel);
        return entries$.pipe(
          finalize(() => {
            if (!entries$.observed) close();
          }),
        );
      }),
    fail,
    /**
     * Sends a message to the tails of a channel on all servers, without storing it.
     *
     * @throws {StoreError} While there is no connection: the client of NATS would keep the message,
     *   and send it late.
     */
    broadcast: (channel: string, message: Message): void => {
      const frame = log.encode([message]);
      if (!log.isConnected()) throw failed(new Error('the connection to NATS is lost'));
      log.connection.publish(log.subjects.liveOf(channel), frame);
    },
  };
}
