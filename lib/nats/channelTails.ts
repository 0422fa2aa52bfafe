import { defer, finalize, firstValueFrom, timer, type Observable } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry } from '../app/hub/channelLog.js';
import { StoreError } from '../errors.js';
import type { Message } from '../message/types.js';
import type { ChannelHeads } from './channelHeads.js';
import { createChannelTail, type ChannelTail } from './channelTail.js';
import type { EntryReader } from './entryReader.js';
import { failed, type NatsContext } from './natsContext.js';
import { republishedEntry } from './streamEntry.js';
import type { StreamOpener } from './streamOpener.js';
import type { TailEpoch } from './tailEpoch.js';

/**
 * The tails of this server, one for each channel that has subscribers, and each with a subscription
 * of core NATS.
 */
export interface ChannelTails {
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

export interface ChannelTailsParts {
  readonly reader: EntryReader;
  readonly opener: StreamOpener;
  readonly heads: ChannelHeads;
  readonly epoch: TailEpoch;
  /** Called when a channel gets its first subscriber. */
  readonly onAdded: () => void;
}

/** The time in which a copy arrives that is on its way, in ms. */
const SETTLING = 250;

interface OpenTail extends ChannelTail {
  readonly close: () => void;
}

export function createChannelTails(context: NatsContext, { reader, opener, heads, epoch, onAdded }: ChannelTailsParts): ChannelTails {
  const { connection, subjects, status, encode, decode, report, scheduler, timeout } = context;
  const tails = new Map<string, OpenTail>();

  const open = (channel: string): OpenTail => {
    const close = (): void => {
      if (tails.get(channel) !== tail) return;
      tails.delete(channel);
      subscription.unsubscribe();
    };
    const tail: OpenTail = {
      ...createChannelTail({
        subject: subjects.of(channel),
        reader,
        epochOf: epoch.of,
        settle: () => firstValueFrom(timer(SETTLING, scheduler)),
        retry: (work) => opener.retry(scheduler.now() + timeout, work),
        decode(entry) {
          const messages = decode(entry.data, entry.subject) ?? [];
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
    const subscription = connection.subscribe(subjects.liveOf(channel), {
      callback(error, received) {
        if (error) {
          report(failed(error));
          return;
        }
        const entry = republishedEntry(received);
        if (entry) tail.take(entry);
        else for (const message of decode(received.data, received.subject) ?? []) tail.entries$.next({ message });
      },
    });
    tails.set(channel, tail);
    onAdded();
    return tail;
  };

  return {
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
      if (!status.isConnected()) throw failed(new Error('the connection to NATS is lost'));
      connection.publish(subjects.liveOf(channel), frame);
    },
  };
}
