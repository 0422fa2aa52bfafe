import { nanoid } from 'nanoid';
import { asyncScheduler, defer, finalize, type SchedulerLike } from 'rxjs';
import { assertPositive } from '../../internal/assert.js';
import { firstOf } from '../../internal/firstOf.js';
import { estimateSize } from '../../internal/estimateSize.js';
import { createHistory, type ChannelHistory, type HistoryLimits } from './channelHistory.js';
import type { ChannelLog } from './channelLog.js';

export interface MemoryChannelLogOptions {
  /** The maximum number of messages of a channel. @default 1_000 */
  readonly maxMessages?: number;
  /** The maximum estimated size of a channel's messages, in bytes. @default 1_048_576: 1 MiB */
  readonly maxBytes?: number;
  /** The maximum age of a message, in ms. @default 300_000: 5 minutes */
  readonly maxAge?: number;
  /**
   * The maximum estimated size of the messages of all channels, in bytes. Above it, the log removes messages of the channel that was idle
   * for the longest time. @default 67_108_864: 64 MiB
   */
  readonly maxTotalBytes?: number;
  /**
   * The maximum number of channels without members that are kept. Above it, the log removes the one that was left first; that channel
   * starts a new epoch. @default 10_000
   */
  readonly maxIdle?: number;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * Stores the history of channels in memory. It is lost when the process ends; clients that reconnect to another process are informed of a
 * gap.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * const log = memoryChannelLog({ maxMessages: 100 });
 * log.append('room.1', createMessage('chat.said', 'hello'));
 * const rooms = hub({ log });
 */
export function memoryChannelLog(options: MemoryChannelLogOptions = {}): ChannelLog {
  const { maxMessages = 1_000, maxBytes = 1_048_576, maxAge = 300_000, maxTotalBytes = 67_108_864 } = options;
  const { maxIdle = 10_000, scheduler = asyncScheduler } = options;
  assertPositive('memoryChannelLog', { maxMessages, maxBytes, maxAge, maxTotalBytes, maxIdle });
  const channels = createChannels({ maxMessages, maxBytes, maxAge }, maxIdle);
  const retention = createRetention(maxAge, maxTotalBytes, scheduler);

  return {
    append(name, message) {
      const history = channels.get(name);
      const position = retention.around(history, (now) => history.add(message, estimateSize(message), now));
      history.emit();
      return position;
    },
    broadcast(name, message) {
      // An unknown channel has no tails.
      const history = channels.find(name);
      history?.broadcast(message);
      history?.emit();
    },
    read(name, query) {
      const history = channels.get(name);
      return retention.around(history, (now) => history.read(query, now));
    },
    tail: (name) =>
      defer(() => {
        const history = channels.get(name);
        channels.enter(history);
        return history.tail$.pipe(finalize(() => channels.leave(history)));
      }),
  };
}

/** All channels. Channels with subscribers are never removed. */
function createChannels(limits: HistoryLimits, maxIdle: number) {
  const instance = nanoid(10);
  const all = new Map<string, ChannelHistory>();
  /** Channels without subscribers, in the order in which they became idle. */
  const idle = new Map<string, { readonly key: string }>();
  const firstIdle = firstOf(idle);
  let forgotten = 0;

  const retire = ({ name }: ChannelHistory): void => {
    idle.set(name, { key: name });
    const first = idle.size > maxIdle ? firstIdle() : undefined;
    if (!first) return;
    idle.delete(first.key);
    all.delete(first.key);
    // A new epoch, so that clients do not mistake new offsets for old ones.
    forgotten++;
  };
  return {
    find: (name: string): ChannelHistory | undefined => all.get(name),
    get(name: string): ChannelHistory {
      let history = all.get(name);
      if (!history) {
        history = createHistory(name, `${instance}.${forgotten}`, limits);
        all.set(name, history);
        retire(history);
      }
      return history;
    },
    enter: ({ name }: ChannelHistory): void => void idle.delete(name),
    leave(history: ChannelHistory): void {
      if (!history.tail$.observed) retire(history);
    },
  };
}

/** Keeps all histories within the total limits. It removes old messages on access: a timer would keep an idle process alive. */
function createRetention(maxAge: number, maxTotalBytes: number, scheduler: SchedulerLike) {
  /** Channels with messages, the one that was idle for the longest time first. */
  const filled = new Map<string, { readonly key: string; readonly history: ChannelHistory }>();
  const first = firstOf(filled);
  let total = 0;

  const account = <T>(history: ChannelHistory, change: (now: number) => T, now: number): T => {
    const [bytes, last] = [history.bytes(), history.last()];
    const result = change(now);
    total += history.bytes() - bytes;
    const isNews = history.last() !== last;
    if (isNews || history.size() === 0) filled.delete(history.name);
    if (isNews && history.size() > 0) filled.set(history.name, { key: history.name, history });
    return result;
  };
  const trim = (now: number): void => {
    let oldest = first();
    for (; oldest && oldest.history.latest() + maxAge <= now; oldest = first()) account(oldest.history, oldest.history.expire, now);
    for (; oldest && total > maxTotalBytes; oldest = first()) account(oldest.history, oldest.history.shift, now);
  };
  return {
    /** Applies a change to one history. */
    around<T>(history: ChannelHistory, change: (now: number) => T): T {
      const now = scheduler.now();
      const result = account(history, change, now);
      trim(now);
      return result;
    },
  };
}
