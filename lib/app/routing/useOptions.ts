import type { ObservableInput, SchedulerLike } from 'rxjs';
import type { Message } from '../../message/types.js';

/** What becomes of a message: another goes on in its place, `null` stops it, nothing lets it go on. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a callback that returns nothing is one
export type MiddlewareResult = Message | null | undefined | void;

/** Sees each message, at once or in its time. Of an Observable, the first value counts; one that is empty stops the message. */
export type Middleware = (message: Message) => MiddlewareResult | ObservableInput<MiddlewareResult>;

/** A message that went no further. */
export interface FailedMessage {
  readonly message: Message;
  /** What the middleware threw; an `OverflowError`, if it was not called. */
  readonly error: unknown;
}

export interface UseOptions {
  /** Told of messages whose middleware has failed, as `errors$` of the wire is from which they came: they go no further. A throw ends the stream. */
  readonly onError?: (failed: FailedMessage) => void;
  /** Messages that wait at most while an earlier one is at work: one more has failed, with an `OverflowError`. @default 10_000 */
  readonly maxWaiting?: number;
  /** Where the time of dead letters comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}
