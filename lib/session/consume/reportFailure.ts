import { HandlerError, type RxwireError } from '../../errors.js';
import { watchResult } from '../../internal/guard.js';
import type { Message } from '../../message/types.js';
import type { SessionTerms } from '../receive/delivery.js';

/** The parts of an application that may receive the failure of a message. */
export interface FailureListeners<T> {
  /** Reports in `errors$` of the wire; `undefined` if no wire delivers the message. */
  readonly complain: SessionTerms['complain'];
  /** The option of the operator. */
  readonly onError: ((error: RxwireError, message: T) => void) | undefined;
  /** Whether another callback receives the failure. */
  readonly isReceived: boolean;
}

/**
 * Reports the failure of a message.
 *
 * @throws The failure itself, if no part of the application would receive it: it must end the
 *   stream. The error of `onError`.
 */
export function reportFailure<T extends Message>(
  error: RxwireError,
  message: T,
  { complain, onError, isReceived }: FailureListeners<T>,
): void {
  complain?.(error);
  const returned: unknown = onError?.(error, message);
  if (returned && complain) watchResult(returned, (cause) => complain(new HandlerError(message, 1, cause)));
  if (!complain && !onError && !isReceived) throw error;
}
