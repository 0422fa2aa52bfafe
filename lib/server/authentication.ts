import { catchError, defaultIfEmpty, defer, from, map, of, take, throwError, timeout, type Observable, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, UnauthorizedError } from '../errors.js';
import { createSemaphore } from '../internal/semaphore.js';
import { MAX_DELAY } from '../internal/coalescedTimer.js';
import { CloseCode } from '../link/closeCode.js';
import type { Authenticate, Credentials, Principal } from './principal.js';

export interface AuthenticationOptions {
  readonly authenticate?: Authenticate<Principal | undefined> | undefined;
  /** How many may be looked into at once. */
  readonly maxAuthenticating: number;
  /** How long it may take, in ms, with the time that it waits for its turn. */
  readonly timeLimit: number;
  readonly scheduler: SchedulerLike;
}

/**
 * Emits who shows these credentials. When nobody is asked, that is nobody, and at once.
 *
 * @throws {UnauthorizedError} Delivered, when they are worth nothing; `cause` is what `authenticate` threw.
 * @throws {ConnectionLostError} Delivered, when it takes too long; or when `authenticate` has thrown one, with its close code.
 */
export type Authentication = (credentials: () => Credentials) => Observable<Principal | undefined>;

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const { authenticate, maxAuthenticating, timeLimit, scheduler } = options;
  if (!authenticate) return () => of(undefined);

  const inTurn = createSemaphore(maxAuthenticating);
  return (credentials) =>
    inTurn(defer(() => answerOf(authenticate(credentials())))).pipe(
      take(1),
      defaultIfEmpty(undefined),
      map((answer) => checked(answer, scheduler.now())),
      timeout({ first: Math.min(timeLimit, MAX_DELAY), scheduler, with: () => throwError(() => tooLate()) }),
      catchError((error: unknown) => throwError(() => (error instanceof ConnectionLostError ? error : refused(error)))),
    );
}

/** That it takes long is no fault of the client. */
function tooLate(): ConnectionLostError {
  return new ConnectionLostError(CloseCode.TRY_AGAIN_LATER, 'busy');
}

function refused(cause: unknown): UnauthorizedError {
  return new UnauthorizedError(CloseCode.UNAUTHORIZED, 'unauthorized', cause);
}

type Answer = ReturnType<Authenticate<Principal | undefined>>;

function answerOf(answer: Answer): Observable<Principal | undefined> {
  return answer === undefined || isPrincipal(answer) ? of(answer) : from(answer);
}

function isPrincipal(answer: unknown): answer is Principal {
  return typeof answer === 'object' && answer !== null && typeof (answer as Partial<Principal>).id === 'string';
}

function checked(answer: unknown, now: number): Principal {
  // Whatever else it may be, it names nobody.
  if (isPrincipal(answer) && answer.id !== '' && !((answer.expiresAt ?? Infinity) <= now)) return answer;
  throw new TypeError(answer === undefined ? 'nobody' : 'a principal without an "id", or that has expired');
}
