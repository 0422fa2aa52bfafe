import type { SchedulerLike } from 'rxjs';

export interface ChannelOptions {
  /** The number of past messages that a new member requests. The server sends those that it still keeps. @default 0 */
  readonly history?: number;
  /**
   * How long the hub may take to answer, in ms: after this time the channel repeats an unanswered join, and `send` rejects a message that
   * was acked and not answered. @default 10_000
   */
  readonly answerTimeout?: number;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/** The default values of the options above. */
export const CHANNEL_DEFAULTS = { history: 0, answerTimeout: 10_000 } as const;
