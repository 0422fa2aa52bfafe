import { nanoid } from 'nanoid';
import type { SchedulerLike } from 'rxjs';
import { createLinkedList } from '../../internal/linkedList.js';
import { ChannelHistory, type HistoryRest } from './channelHistory.js';
import type { ChannelLimits } from './channelRange.js';

export interface HistoriesLimits extends ChannelLimits {
  /** The maximum estimated size of the messages of all channels, in bytes. */
  readonly maxTotalBytes: number;
  /** The maximum number of channels without subscribers. */
  readonly maxIdle: number;
  /** The minimum number of forgotten channels whose end is known. Twice as many are the maximum. */
  readonly maxForgotten: number;
}

/**
 * Creates the histories of all channels, within the limits. Channels with subscribers are never
 * removed. A channel that was forgotten continues behind its last offset, so that its readers find
 * a gap. Old messages are removed on access: a timer would keep an idle process alive.
 */
export function createChannelHistories(limits: HistoriesLimits, scheduler: SchedulerLike) {
  const { maxAge, maxTotalBytes, maxIdle, maxForgotten } = limits;
  const instance = nanoid(10);
  const all = new Map<string, ChannelHistory>();
  /** Channels without subscribers, in the order in which they became idle. */
  const idle = createLinkedList<ChannelHistory>();
  /** Channels with messages, the one that was idle for the longest time first. */
  const filled = createLinkedList<ChannelHistory>();
  let total = 0;
  /** What remains of the forgotten channels, in two generations: the older one is dropped. */
  let [recent, older] = [new Map<string, HistoryRest>(), new Map<string, HistoryRest>()];
  let dropped = 0;
  /** The beginning of all other channels. */
  let beginning: HistoryRest = { epoch: `${instance}.0`, last: 0, limits };

  const forget = (history: ChannelHistory): void => {
    const { name } = history;
    total -= history.bytes;
    filled.remove(history.filled);
    idle.remove(history.idle);
    all.delete(name);
    if (!history.isUsed) return;
    recent.set(name, history.rest());
    if (recent.size < maxForgotten) return;
    // From now on, a channel may have had messages that nobody knows of: its first offset is
    // missing. A new epoch, so that clients do not mistake new offsets for old ones.
    if (older.size > 0) beginning = { epoch: `${instance}.${++dropped}`, last: 1, limits };
    older = recent;
    recent = new Map();
  };
  const peek = (name: string): ChannelHistory =>
    all.get(name) ?? new ChannelHistory(name, recent.get(name) ?? older.get(name) ?? beginning);
  const retire = (history: ChannelHistory): void => {
    const first = idle.size() >= maxIdle ? idle.first() : undefined;
    if (first) forget(first);
    idle.append(history.idle);
  };
  const account = <T>(history: ChannelHistory, change: (now: number) => T, now: number): T => {
    const { bytes, last } = history;
    const result = change(now);
    total += history.bytes - bytes;
    if (history.size === 0) filled.remove(history.filled);
    else if (history.last !== last) filled.append(history.filled);
    return result;
  };
  const trim = (now: number): void => {
    let oldest = filled.first();
    for (; oldest && oldest.latest + maxAge <= now; oldest = filled.first()) account(oldest, oldest.expire.bind(oldest), now);
    for (; oldest && total > maxTotalBytes; oldest = filled.first()) account(oldest, oldest.shift.bind(oldest), now);
  };

  return {
    /** The estimated size of the messages of all channels, in bytes. */
    bytes: () => total,
    all: () => all.values(),
    find: (name: string) => all.get(name),
    /** Returns the history of a channel for a reader. If there is none, it is not kept. */
    peek,
    /** Returns the history of a channel for a change. It is created if there is none. */
    get(name: string): ChannelHistory {
      const history = peek(name);
      if (all.has(name)) return history;
      retire(history);
      all.set(name, history);
      return history;
    },
    /** Returns the history of a channel that gets a subscriber. It is created if there is none. */
    enter(name: string): ChannelHistory {
      const history = peek(name);
      all.set(name, history);
      idle.remove(history.idle);
      return history;
    },
    /** Must be called when a subscriber has unsubscribed. */
    leave(history: ChannelHistory): void {
      if (history.isObserved) return;
      history.releaseTail();
      if (history.isUsed) retire(history);
      else forget(history);
    },
    /** Applies a change to one history, and then the limits. */
    around<T>(history: ChannelHistory, change: (now: number) => T): T {
      const now = scheduler.now();
      const result = account(history, change, now);
      trim(now);
      return result;
    },
  };
}
