import type { SchedulerLike } from 'rxjs';

export interface ChannelOptions {
  /** How many of the latest messages who joins wants to have, as far as the server has them. @default 0 */
  readonly history?: number;
  /** How long the server may take to answer a join until it is asked again, in ms. @default 10_000 */
  readonly joinTimeout?: number;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}
