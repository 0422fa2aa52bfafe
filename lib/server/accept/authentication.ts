import { catchError, defaultIfEmpty, defer, from, map, of, take, throwError, timeout, type Observable, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, UnauthorizedError } from '../../errors.js';
import { MAX_DELAY } from '../../internal/coalescedTimer.js';
import { createSemaphore } from '../../internal/semaphore.js';
import { wallTime } from '../../internal/steadyScheduler.js';
import { CloseCode } from '../../link/closeCode.js';
import type { Authenticate, Credentials, Principal } from '../principal.js';

export interface AuthenticationOptions {
  readonly authenticate?: Authenticate<Principal | undefined> | undefined;
  /** Credentials that may be checked at once; the others wait. */
  readonly maxAuthenticating: number;
  /** How long a check may take, in ms, with the time that it waits for its turn. */
  readonly timeLimit: number;
  readonly scheduler: SchedulerLike;
}

/**
 * Emits the principal of credentials. Without the option `authenticate`, emits `undefined` at once.
 *
 * @throws {UnauthorizedError} Delivered, when the credentials are not accepted; `cause` is what
 *   `authenticate` threw.
 * @throws {ConnectionLostError} Delivered, when the check takes too long, or when `authenticate`
 *   has thrown one, with its close code.
 */
export type Authentication = (credentials: () => Credentials) => Observable<Principal | undefined>;

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const { authenticate, maxAuthenticating, timeLimit, scheduler } = options;
  if (!authenticate) return () => of(undefined);

  const inTurn = createSemaphore(maxAuthenticating);
  return (credentials) =>
    inTurn(defer(() => asObservable(authenticate(credentials())))).pipe(
      take(1),
      defaultIfEmpty(undefined),
      map((answer) => checked(answer, wallTime(scheduler))),
      timeout({ first: Math.min(timeLimit, MAX_DELAY), scheduler, with: () => throwError(() => tooLate()) }),
      catchError((error: unknown) => throwError(() => (error instanceof ConnectionLostError ? error : unauthorized(error)))),
    );
}

/** A check that takes long is no fault of the client: the client may try again. */
function tooLate(): ConnectionLostError {
  return new ConnectionLostError(CloseCode.TRY_AGAIN_LATER, 'the check of the credentials took too long');
}

function unauthorized(cause: unknown): UnauthorizedError {
  return new UnauthorizedError(CloseCode.UNAUTHORIZED, 'the credentials were not accepted', cause);
}

type Answer = ReturnType<Authenticate<Principal | undefined>>;

function asObservable(answer: Answer): Observable<Principal | undefined> {
  return answer === undefined || isPrincipal(answer) ? of(answer) : from(answer);
}

function isPrincipal(answer: unknown): answer is Principal {
  return typeof answer === 'object' && answer !== null && typeof (answer as Partial<Principal>).id === 'string';
}

/** @throws {TypeError} When the answer of `authenticate` is no principal that is valid now. */
function checked(answer: unknown, now: number): Principal {
  if (isPrincipal(answer) && answer.id !== '' && !((answer.expiresAt ?? Infinity) <= now)) return answer;
  throw new TypeError(
    answer === undefined
      ? 'authenticate: expected a principal, got undefined'
      : 'authenticate: expected a principal with an "id" that has not expired',
  );
}

/**
 * Returns in how many ms the credentials of a principal expire, for the welcome; `undefined` if the
 * credentials do not expire.
 */
export function expiryOf(principal: Principal | undefined, scheduler: SchedulerLike): number | undefined {
  const { expiresAt } = principal ?? {};
  return expiresAt === undefined ? undefined : Math.max(1, Math.floor(expiresAt - wallTime(scheduler)));
}

/** Returns the close code and reason for a client that is refused. They do not reveal the cause. */
export function goodbyeOf(error: unknown): readonly [code: CloseCode, reason: string] {
  if (error instanceof ConnectionLostError) return [error.closeCode as CloseCode, error.reason];
  if (error instanceof UnauthorizedError) return [error.closeCode as CloseCode, 'the credentials were not accepted'];
  return [CloseCode.BAD_FRAMES, 'no hello that this server understands'];
}
