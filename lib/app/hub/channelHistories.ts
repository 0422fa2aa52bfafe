import { nanoid } from 'nanoid';
import type { SchedulerLike } from 'rxjs';
import { createLinkedList } from '../../internal/linkedList.js';
import { ChannelHistory } from './channelHistory.js';
import type { ChannelLimits } from './channelRange.js';

export interface HistoriesLimits extends ChannelLimits {
  /** The maximum estimated size of the messages of all channels, in bytes. */
  readonly maxTotalBytes: number;
  /** The maximum number of channels without subscribers. */
  readonly maxIdle: number;
}

/**
 * The histories of all channels, within the limits. Channels with subscribers are never removed.
 */
export interface ChannelHistories {
  /** The estimated size of the messages of all channels, in bytes. */
  bytes(): number;
  /** All histories, for tests. */
  all(): Iterable<ChannelHistory>;
  find(name: string): ChannelHistory | undefined;
  /** Returns the history of a channel, which is created if there is none. */
  get(name: string): ChannelHistory;
  /** To be called when the channel gets a subscriber. */
  enter(history: ChannelHistory): void;
  /** Must be called when a subscriber has unsubscribed. */
  leave(history: ChannelHistory): void;
  /** Applies a change to one history, and then the limits. */
  around<T>(history: ChannelHistory, change: (now: number) => T): T;
}

/**
 * Creates the histories. They remove old messages on access: a timer would keep an idle process
 * alive.
 */
export function createChannelHistories(limits: HistoriesLimits, scheduler: SchedulerLike): ChannelHistories {
  const { maxAge, maxTotalBytes, maxIdle } = limits;
  const instance = nanoid(10);
  const all = new Map<string, ChannelHistory>();
  /** Channels without subscribers, in the order in which they became idle. */
  const idle = createLinkedList<ChannelHistory>();
  /** Channels with messages, the one that was idle for the longest time first. */
  const filled = createLinkedList<ChannelHistory>();
  let total = 0;
  let forgotten = 0;
  let epoch = `${instance}.0`;

  const forget = (history: ChannelHistory): void => {
    total -= history.bytes;
    filled.remove(history.filled);
    idle.remove(history.idle);
    all.delete(history.name);
    // A new epoch, so that clients do not mistake new offsets for old ones.
    epoch = `${instance}.${++forgotten}`;
  };
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
    bytes: () => total,
    all: () => all.values(),
    find: (name) => all.get(name),
    get(name) {
      const known = all.get(name);
      if (known) return known;
      // Before a channel is forgotten for this one: the epoch belongs to what was forgotten
      // earlier.
      const history = new ChannelHistory(name, epoch, limits);
      retire(history);
      all.set(name, history);
      return history;
    },
    enter: ({ idle: node }) => idle.remove(node),
    leave(history) {
      if (history.isObserved) return;
      history.releaseTail();
      retire(history);
    },
    around(history, change) {
      const now = scheduler.now();
      const result = account(history, change, now);
      trim(now);
      return result;
    },
  };
}
