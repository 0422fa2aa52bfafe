import { Subject } from 'rxjs';
import { createRing } from '../../internal/ring.js';
import { createTrampoline } from '../../internal/trampoline.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelBroadcast, ChannelEntry, ChannelQuery, ChannelSlice } from './channelLog.js';

/** The limits of one channel's history. */
export interface HistoryLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** In ms. */
  readonly maxAge: number;
}

/** The latest messages of one channel, in memory. */
export interface ChannelHistory {
  readonly name: string;
  readonly tail$: Subject<ChannelEntry | ChannelBroadcast>;
  /** The number of stored messages, and their estimated size in bytes. */
  readonly size: () => number;
  readonly bytes: () => number;
  /** The number of messages that were added in total. */
  readonly last: () => number;
  /** The time of the latest message. */
  readonly latest: () => number;
  /** Adds a message. {@link emit} emits it. */
  add(message: Message, bytes: number, now: number): ChannelPosition;
  /** Takes a message that is not stored. {@link emit} emits it. */
  broadcast(message: Message): void;
  /** Emits the messages that were added since the previous call. Messages that subscribers add meanwhile follow in order. */
  readonly emit: () => void;
  read(query: ChannelQuery, now: number): ChannelSlice;
  /** Removes the oldest message. */
  readonly shift: () => void;
  /** Removes the messages that are too old. */
  readonly expire: (now: number) => void;
}

interface Kept {
  readonly entry: ChannelEntry;
  readonly bytes: number;
  readonly at: number;
}

export function createHistory(name: string, epoch: string, { maxMessages, maxBytes, maxAge }: HistoryLimits): ChannelHistory {
  const kept = createRing<Kept>();
  const tail$ = new Subject<ChannelEntry | ChannelBroadcast>();
  const notifications = createTrampoline();
  let last = 0;
  let bytes = 0;
  let latest = 0;

  const shift = (): void => void (bytes -= kept.shift()?.bytes ?? 0);
  const expire = (now: number): void => {
    for (let oldest = kept.peek(); oldest && oldest.at + maxAge <= now; oldest = kept.peek()) shift();
  };
  return {
    name,
    tail$,
    shift,
    expire,
    size: () => kept.size,
    bytes: () => bytes,
    last: () => last,
    latest: () => latest,
    add(message, weight, now) {
      const entry: ChannelEntry = { epoch, offset: ++last, message };
      kept.push({ entry, bytes: weight, at: now });
      bytes += weight;
      latest = now;
      expire(now);
      while (kept.size > maxMessages || bytes > maxBytes) shift();
      notifications.add(() => tail$.next(entry));
      return entry;
    },
    broadcast: (message) => notifications.add(() => tail$.next({ message })),
    emit: () => notifications.run(),
    read({ after, limit }, now) {
      expire(now);
      const isKnown = after?.epoch === epoch && after.offset <= last;
      const from = isKnown ? after.offset : 0;
      // The offsets of this history are contiguous.
      const count = Math.min(limit, kept.size, last - from);
      const entries =
        count > 0
          ? kept
              .values()
              .slice(-count)
              .map(({ entry }) => entry)
          : [];
      return { epoch, last, entries, isComplete: after === undefined || (isKnown && count === last - from) };
    },
  };
}
