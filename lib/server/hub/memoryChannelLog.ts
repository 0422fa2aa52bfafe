import { nanoid } from 'nanoid';
import { defer, finalize, from, Subject, type SchedulerLike } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { anything, positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import { estimateSize } from '../../message/estimateSize.js';
import { createLinkedList, type LinkedList } from '../../channels/linkedList.js';
import { steadyScheduler, wallTime } from '../../message/steadyScheduler.js';
import { createTrampoline } from '../../operators/subscribing/trampoline.js';
import { ChannelHistory, type HistoryRest } from '../../channels/channelHistory.js';
import type { ChannelBroadcast, ChannelEntry, ChannelInfo, ChannelLog } from '../../channels/channelLog.js';
import { limitsOf, type ChannelLimits } from '../../channels/channelRange.js';

export interface MemoryChannelLogOptions {
  /** The maximum number of messages of a channel. @default 1_000 */
  readonly maxMessages?: number;
  /** The maximum estimated size of a channel's messages, in bytes. @default 1_048_576: 1 MiB */
  readonly maxBytes?: number;
  /** The maximum age of a message, in ms. @default 300_000: 5 minutes */
  readonly maxAge?: number;
  /**
   * The maximum estimated size of the messages of all channels, in bytes. Above it, the log removes
   * messages of the channel that was idle for the longest time.
   * @default 67_108_864: 64 MiB
   */
  readonly maxTotalBytes?: number;
  /**
   * The maximum number of channels without members that are kept. Above it, the log removes the
   * messages of the one that was left first; its readers are informed of a gap.
   * @default 10_000
   */
  readonly maxIdle?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

const OPTIONS = {
  maxMessages: [positive, 1_000],
  maxBytes: [positive, 1_048_576],
  maxAge: [positive, 300_000],
  maxTotalBytes: [positive, 67_108_864],
  maxIdle: [positive, 10_000],
  scheduler: [anything],
} as const satisfies OptionTable<MemoryChannelLogOptions>;

/** The minimum number of channels whose last offset outlives their messages. */
const MAX_FORGOTTEN = 50_000;

/**
 * Stores the history of channels in memory. It is lost when the process ends; clients that
 * reconnect to another process are informed of a gap.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {TypeError} At call time, if there is no option of this name.
 * @example
 * import { createMessage, hub, memoryChannelLog } from 'rxwire';
 *
 * const log = memoryChannelLog({ maxMessages: 100 });
 * log.append('room.1', createMessage('chat.said', { text: 'hello' }));
 * const rooms = hub({ log });
 */
export function memoryChannelLog(options: MemoryChannelLogOptions = {}): ChannelLog {
  checkOptions('memoryChannelLog', options);
  const { scheduler = steadyScheduler(), ...read } = readOptions('memoryChannelLog', options, OPTIONS);
  const limits = { ...read, maxForgotten: MAX_FORGOTTEN };
  const histories = createChannelHistories(limits, scheduler);

  return {
    dropsRepeats: true,
    append(name, message) {
      const history = histories.get(name);
      const { last } = history;
      const position = histories.around(history, (now) => history.add(message, estimateSize(message), now));
      if (position.offset > last) history.emit(position as ChannelEntry);
      return position;
    },
    broadcast(name, message) {
      // An unknown channel has no tails.
      histories.find(name)?.emit({ message });
    },
    read(name, query) {
      const history = histories.peek(name);
      return histories.around(history, (now) => history.read(query, now));
    },
    retain: (name, retention) => histories.limit(name, limitsOf(retention, limits)),
    compact(name, entry) {
      const history = histories.peek(name);
      histories.around(history, () => history.compact(entry, estimateSize(entry.message)));
    },
    list: (prefix) =>
      defer(() => {
        const found = [...histories.all()].filter(({ name, last }) => last > 0 && name.startsWith(prefix));
        return from(found.map((history) => infoOf(history, wallTime(scheduler) - scheduler.now())).sort(byName));
      }),
    tail: (name) =>
      defer(() => {
        const history = histories.enter(name);
        return history.tail().pipe(finalize(() => histories.leave(history)));
      }),
  };
}

/** @param toWall What makes a time of the monotonic clock one of the wall clock. */
function infoOf({ name, epoch, last, latest, hasEnded }: ChannelHistory, toWall: number): ChannelInfo {
  return { name, last: { epoch, offset: last }, at: latest + toWall, hasEnded };
}

const byName = (a: ChannelInfo, b: ChannelInfo): number => (a.name < b.name ? -1 : 1);

/** A history that emits what is added. Parts that only subscribers need are created late. */
class ObservedHistory extends ChannelHistory {
  #tail:
    | { readonly entries$: Subject<ChannelEntry | ChannelBroadcast>; readonly notifications: ReturnType<typeof createTrampoline> }
    | undefined;

  get isObserved(): boolean {
    return this.#tail?.entries$.observed === true;
  }

  tail(): Subject<ChannelEntry | ChannelBroadcast> {
    return (this.#tail ??= { entries$: new Subject(), notifications: createTrampoline() }).entries$;
  }

  /** Releases what only subscribers need. To be called when there are none. */
  releaseTail(): void {
    this.#tail = undefined;
  }

  /** Emits an entry, behind those that are being emitted. */
  emit(entry: ChannelEntry | ChannelBroadcast): void {
    const tail = this.#tail;
    tail?.notifications.run(() => tail.entries$.next(entry));
  }
}

export interface HistoriesLimits extends ChannelLimits {
  /** The maximum estimated size of the messages of all channels, in bytes. */
  readonly maxTotalBytes: number;
  /** The maximum number of channels without subscribers. */
  readonly maxIdle: number;
  /** The minimum number of forgotten channels whose end is known. Twice as many are the maximum. */
  readonly maxForgotten: number;
}

/**
 * Creates the set of the channels with messages, in a list for each maximum age: a channel that is
 * kept for longer does not hide the expired ones behind it.
 */
function createFilledChannels() {
  const byAge = new Map<number, LinkedList<ObservedHistory>>();
  return {
    remove({ maxAge, filled }: ObservedHistory): void {
      const list = byAge.get(maxAge);
      list?.remove(filled);
      if (list?.size() === 0) byAge.delete(maxAge);
    },
    /** Adds a channel, or moves it behind the others. */
    append({ maxAge, filled }: ObservedHistory): void {
      const list = byAge.get(maxAge) ?? createLinkedList<ObservedHistory>();
      byAge.set(maxAge, list);
      list.append(filled);
    },
    /** Returns a channel whose messages have all expired. */
    firstExpired(now: number): ObservedHistory | undefined {
      for (const [maxAge, list] of byAge) {
        const first = list.first();
        if (first && first.latest + maxAge <= now) return first;
      }
      return undefined;
    },
    /** Returns the channel that was idle for the longest time. */
    longestIdle(): ObservedHistory | undefined {
      let found: ObservedHistory | undefined;
      for (const list of byAge.values()) {
        const first = list.first();
        if (first && !(found && found.latest <= first.latest)) found = first;
      }
      return found;
    },
  };
}

/** Creates the set of what remains of forgotten channels. */
function createRests(limits: HistoriesLimits) {
  const instance = nanoid(10);
  /** In two generations: the log drops the older one. */
  let [recent, older] = [new Map<string, HistoryRest>(), new Map<string, HistoryRest>()];
  let dropped = 0;
  /** The beginning of all other channels. */
  let beginning: HistoryRest = { epoch: `${instance}.0`, last: 0, limits };
  return {
    of: (name: string): HistoryRest => recent.get(name) ?? older.get(name) ?? beginning,
    add(name: string, rest: HistoryRest): void {
      recent.set(name, rest);
      if (recent.size < limits.maxForgotten) return;
      // From now on, a channel may have had messages that it does not know: its first offset is
      // missing. A new epoch, so that clients do not mistake new offsets for old ones.
      if (older.size > 0) beginning = { epoch: `${instance}.${++dropped}`, last: 1, limits };
      older = recent;
      recent = new Map();
    },
  };
}

/**
 * Creates the histories of all channels, within the limits. Channels with subscribers are never
 * removed. A channel that was forgotten continues behind its last offset, so that its readers find
 * a gap. Old messages are removed on access: a timer would keep an idle process alive.
 */
export function createChannelHistories(limits: HistoriesLimits, scheduler: SchedulerLike) {
  const { maxTotalBytes, maxIdle } = limits;
  const all = new Map<string, ObservedHistory>();
  /** Channels without subscribers, in the order in which they became idle. */
  const idle = createLinkedList<ObservedHistory>();
  /** Channels with messages. */
  const filled = createFilledChannels();
  let total = 0;
  const rests = createRests(limits);

  const forget = (history: ObservedHistory): void => {
    const { name } = history;
    total -= history.bytes;
    filled.remove(history);
    idle.remove(history.idle);
    all.delete(name);
    if (history.isUsed) rests.add(name, history.rest());
  };
  const peek = (name: string): ObservedHistory => all.get(name) ?? new ObservedHistory(name, rests.of(name));
  const retire = (history: ObservedHistory): void => {
    const first = idle.size() >= maxIdle ? idle.first() : undefined;
    if (first) forget(first);
    idle.append(history.idle);
  };
  const account = <T>(history: ObservedHistory, change: (now: number) => T, now: number): T => {
    const { bytes, last } = history;
    const result = change(now);
    total += history.bytes - bytes;
    if (history.size === 0) filled.remove(history);
    else if (history.last !== last) filled.append(history);
    return result;
  };
  const trim = (now: number): void => {
    let oldest = filled.firstExpired(now);
    for (; oldest; oldest = filled.firstExpired(now)) account(oldest, oldest.expire.bind(oldest), now);
    while (total > maxTotalBytes) {
      oldest = filled.longestIdle();
      if (!oldest) return;
      account(oldest, oldest.removeOldest.bind(oldest), now);
    }
  };
  const get = (name: string): ObservedHistory => {
    const history = peek(name);
    if (all.has(name)) return history;
    retire(history);
    all.set(name, history);
    return history;
  };

  return {
    /** The estimated size of the messages of all channels, in bytes. */
    bytes: () => total,
    all: () => all.values(),
    find: (name: string) => all.get(name),
    /** Returns the history of a channel for a reader. If there is none, it is not kept. */
    peek,
    /** Returns the history of a channel for a change. It is created if there is none. */
    get,
    /** Replaces the limits of a channel. */
    limit(name: string, own: ChannelLimits): void {
      const history = get(name);
      filled.remove(history);
      history.limit(own);
      if (history.size > 0) filled.append(history);
    },
    /** Returns the history of a channel that gets a subscriber. It is created if there is none. */
    enter(name: string): ObservedHistory {
      const history = peek(name);
      all.set(name, history);
      idle.remove(history.idle);
      return history;
    },
    /** Must be called when a subscriber has unsubscribed. */
    leave(history: ObservedHistory): void {
      if (history.isObserved) return;
      history.releaseTail();
      if (history.isUsed) retire(history);
      else forget(history);
    },
    /** Applies a change to one history, and then the limits. */
    around<T>(history: ObservedHistory, change: (now: number) => T): T {
      const now = scheduler.now();
      const result = account(history, change, now);
      trim(now);
      return result;
    },
  };
}
