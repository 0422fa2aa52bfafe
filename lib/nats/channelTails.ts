import { defer, finalize, type Observable } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry } from '../app/hub/channelLog.js';
import { StoreError } from '../errors.js';
import type { Message } from '../message/types.js';
import type { ChannelHeads } from './channelHeads.js';
import { createChannelTail, type ChannelTail } from './channelTail.js';
import type { LogContext } from './logContext.js';
import { failed } from './natsFaults.js';
import { republishedEntry } from './streamEntry.js';
import { createTailEpoch, type TailEpoch } from './tailEpoch.js';

/**
 * The tails of this server, one for each channel that has subscribers, and each with a subscription
 * of core NATS.
 */
export interface ChannelTails {
  readonly epoch: TailEpoch;
  readonly get: (channel: string) => ChannelTail | undefined;
  readonly all: () => readonly ChannelTail[];
  readonly of: (channel: string) => Observable<ChannelEntry | ChannelBroadcast>;
  /**
   * Fails all tails, with a reason or an error: the hub subscribes again and reads the missed
   * messages.
   */
  readonly fail: (reason: unknown) => void;
  /**
   * Sends a message to the tails of a channel on all servers, without storing it.
   *
   * @throws {StoreError} While there is no connection: the client of NATS would keep the message,
   *   and send it late.
   */
  readonly broadcast: (channel: string, message: Message) => void;
}

export interface TailRequests {
  /** Called when a channel gets its first subscriber. */
  readonly onAdded: () => void;
  /** Called when an entry has another epoch. */
  readonly onDoubt: () => void;
}

interface OpenTail extends ChannelTail {
  readonly close: () => void;
}

export function createChannelTails(log: LogContext, heads: ChannelHeads, { onAdded, onDoubt }: TailRequests): ChannelTails {
  const { connection, subjects, isConnected, listen, encode, decode } = log;
  const tails = new Map<string, OpenTail>();
  const epoch = createTailEpoch(onDoubt);

  const open = (channel: string): OpenTail => {
    const close = (): void => {
      if (tails.get(channel) !== tail) return;
      tails.delete(channel);
      subscription.unsubscribe();
    };
    const tail: OpenTail = {
      ...createChannelTail(log, {
        subject: subjects.of(channel),
        epochOf: epoch.of,
        decode(entry) {
          const messages = decode(entry.data, entry.subject);
          heads.observe(entry, messages);
          return messages;
        },
        onFailed(error) {
          close();
          tail.entries$.error(failed(error));
        },
      }),
      close,
    };
    const subscription = listen(subjects.liveOf(channel), (received) => {
      const entry = republishedEntry(received);
      if (entry) tail.take(entry);
      else for (const message of decode(received.data, received.subject)) tail.entries$.next({ message });
    });
    tails.set(channel, tail);
    onAdded();
    return tail;
  };

  return {
    epoch,
    get: (channel) => tails.get(channel),
    all: () => [...tails.values()],
    of: (channel) =>
      defer(() => {
        const tail = tails.get(channel) ?? open(channel);
        return tail.entries$.pipe(
          finalize(() => {
            if (!tail.entries$.observed) tail.close();
          }),
        );
      }),
    fail(reason) {
      const error = typeof reason === 'string' ? new StoreError('nats', 'evicted', new Error(reason)) : failed(reason);
      for (const { close, entries$ } of [...tails.values()]) {
        close();
        entries$.error(error);
      }
    },
    broadcast(channel, message) {
      const frame = encode([message]);
      if (!isConnected()) throw failed(new Error('the connection to NATS is lost'));
      connection.publish(subjects.liveOf(channel), frame);
    },
  };
}
