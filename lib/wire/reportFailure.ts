import { HandlerError, type RxwireError } from '../message/errors.js';
import { watchResult } from '../message/errors/callSafely.js';
import type { Message } from '../message/types.js';
import type { SessionCapabilities } from './session/messageClaim.js';

interface Receivers<T extends Message> {
  /** The session that delivers the message. @default no wire delivers it */
  readonly session: Pick<SessionCapabilities, 'reportError' | 'user'> | undefined;
  readonly onError: ((error: RxwireError, message: T) => void) | undefined;
  /** Whether another callback receives the failure. @default false */
  readonly isReceived?: boolean;
}

/**
 * Reports the failure of a message to the parts of an application that may receive it. If none of
 * them does, the wire of a server reports an uncaught error.
 *
 * @throws The failure itself, if no wire delivers the message and no part would receive it: it must
 *   end the stream. The error of `onError`.
 */
export function reportFailure<T extends Message>(error: RxwireError, message: T, receivers: Receivers<T>): void {
  const { session, onError, isReceived = false } = receivers;
  if (!onError && !isReceived) session?.user?.subscribers?.wire.onHandlerFailure?.(error, message.type, session.user.errors$);
  session?.reportError(error);
  callOnError(error, message, receivers);
  if (!session && !onError && !isReceived) throw error;
}

/**
 * Calls `onError` of an operator. If its promise rejects, the wire reports that as another error.
 *
 * @throws The error that `onError` throws.
 */
export function callOnError<T extends Message>(error: RxwireError, message: T, { session, onError }: Receivers<T>): void {
  const returned: unknown = onError?.(error, message);
  if (returned && session) watchResult(returned, (cause) => session.reportError(new HandlerError(message, 1, cause)));
}
