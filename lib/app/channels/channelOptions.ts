import type { SchedulerLike } from 'rxjs';

export interface ChannelOptions {
  /** The number of past messages that a new member requests. The server sends those that it still keeps. @default 0 */
  readonly history?: number;
  /** The time after which an unanswered join is repeated, in ms. @default 10_000 */
  readonly joinTimeout?: number;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/** The default values of the options above. */
export const CHANNEL_DEFAULTS = { history: 0, joinTimeout: 10_000 } as const;
