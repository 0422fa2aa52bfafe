import { defer, finalize, type Observable } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry } from '../app/hub/channelLog.js';
import type { Message } from '../message/types.js';
import type { ChannelHeads } from './channelHeads.js';
import { createChannelTail, type ChannelTail } from './channelTail.js';
import type { LogContext } from './logContext.js';
import { failed } from './natsFaults.js';
import { createTailEpoch } from './tailEpoch.js';

export interface TailRequests {
  /** Called when a channel gets its first subscriber. */
  readonly onAdded: () => void;
  /** Called when an entry has another epoch. */
  readonly onDoubt: () => void;
}

export type ChannelTails = ReturnType<typeof createChannelTails>;

/**
 * The tails of this server, one for each channel that has subscribers, and each with a subscription
 * of core NATS.
 */
export function createChannelTails(log: LogContext, heads: ChannelHeads, { onAdded, onDoubt }: TailRequests) {
  const { connection, subjects, isConnected, encode } = log;
  const tails = new Map<string, ChannelTail>();
  const epoch = createTailEpoch(onDoubt);

  const open = (channel: string): ChannelTail => {
    const onClose = (): void => {
      if (tails.get(channel) === tail) tails.delete(channel);
    };
    const tail = createChannelTail(log, channel, { heads, epoch, onClose });
    tails.set(channel, tail);
    onAdded();
    return tail;
  };
  return {
    epoch,
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
    /**
     * Fails all tails, with a reason or an error: the hub subscribes again and reads the missed
     * messages.
     */
    fail: (reason: unknown): void => {
      for (const tail of [...tails.values()]) tail.fail(reason);
    },
    /**
     * Sends a message to the tails of a channel on all servers, without storing it.
     *
     * @throws {StoreError} While there is no connection: the client of NATS would keep the message,
     *   and send it late.
     */
    broadcast: (channel: string, message: Message): void => {
      const frame = encode([message]);
      if (!isConnected()) throw failed(new Error('the connection to NATS is lost'));
      connection.publish(subjects.liveOf(channel), frame);
    },
  };
}
