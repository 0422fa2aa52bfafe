import type { ObservableInput, SchedulerLike } from 'rxjs';
import type { MessageOf } from '../../operators/ofType.js';
import type { ReplyErrorPayload } from '../../message/types.js';
import type { ProgressOf, ReplyOf } from './requestTypes.js';
import type { ReplyWire } from './unsent.js';
import type { FailedMessage } from '../routing/useOptions.js';

/** What a handler may use while it answers. */
export interface ReplyContext<T extends string> {
  /** Is aborted when nobody waits for the answer any more. An Observable needs none: it is unsubscribed. */
  readonly signal: AbortSignal;
  /** Tells the caller how far the work is. */
  readonly progress: (progress: ProgressOf<T>) => void;
}

/** Answers a request: each value is a reply, and completion is the end of the answer. */
export type ReplyHandler<T extends string> = (message: MessageOf<T>, context: ReplyContext<T>) => ObservableInput<ReplyOf<T>>;

export interface ReplyOptions {
  /** Requests that are answered at once. @default 1_000 */
  readonly concurrency?: number;
  /** Requests that wait for that at most: one more is answered with `ERR_OVERFLOW`. @default 1_000 */
  readonly maxWaiting?: number;
  /** Progress is told this often at most, in ms: of each request, the latest. @default 100 */
  readonly progressInterval?: number;
  /** What a caller is told of an error. @default code and reason of a `ReplyError`, code and text of an `RxwireError`, `ERR_INTERNAL` for all others */
  readonly describe?: (error: unknown) => ReplyErrorPayload;
  /** Told of requests that were answered with an error, and of that error as it was. A throw ends the stream. */
  readonly onError?: (failed: FailedMessage) => void;
  /** What the replies go over: it tells of those that could not be sent, so that the caller hears of it, and is told of handlers that fail. @default what this is piped to */
  readonly wire?: ReplyWire;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}
