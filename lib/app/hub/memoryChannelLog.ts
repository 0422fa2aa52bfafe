import { defer, finalize, from, type SchedulerLike } from 'rxjs';
import { assertPositive } from '../../internal/assert.js';
import { estimateSize } from '../../internal/estimateSize.js';
import { steadyScheduler, wallTime } from '../../internal/steadyScheduler.js';
import { createChannelHistories } from './channelHistories.js';
import type { ChannelHistory } from './channelHistory.js';
import type { ChannelInfo, ChannelLog } from './channelLog.js';
import { limitsOf } from './channelRange.js';

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

/** The minimum number of channels whose last offset outlives their messages. */
const MAX_FORGOTTEN = 50_000;

/**
 * Stores the history of channels in memory. It is lost when the process ends; clients that
 * reconnect to another process are informed of a gap.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * import { createMessage, hub, memoryChannelLog } from 'rxwire';
 *
 * const log = memoryChannelLog({ maxMessages: 100 });
 * log.append('room.1', createMessage('chat.said', 'hello'));
 * const rooms = hub({ log });
 */
export function memoryChannelLog(options: MemoryChannelLogOptions = {}): ChannelLog {
  const { maxMessages = 1_000, maxBytes = 1_048_576, maxAge = 300_000, maxTotalBytes = 67_108_864 } = options;
  const { maxIdle = 10_000, scheduler = steadyScheduler() } = options;
  assertPositive('memoryChannelLog', { maxMessages, maxBytes, maxAge, maxTotalBytes, maxIdle });
  const limits = { maxMessages, maxBytes, maxAge, maxTotalBytes, maxIdle, maxForgotten: MAX_FORGOTTEN };
  const histories = createChannelHistories(limits, scheduler);

  return {
    dropsRepeats: true,
    append(name, message) {
      const history = histories.get(name);
      const position = histories.around(history, (now) => history.add(message, estimateSize(message), now));
      history.emit();
      return position;
    },
    broadcast(name, message) {
      // An unknown channel has no tails.
      const history = histories.find(name);
      history?.broadcast(message);
      history?.emit();
    },
    read(name, query) {
      const history = histories.peek(name);
      return histories.around(history, (now) => history.read(query, now));
    },
    retain: (name, retention) => histories.get(name).limit(limitsOf(retention, limits)),
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
