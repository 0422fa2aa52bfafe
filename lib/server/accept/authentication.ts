import {
  catchError,
  defaultIfEmpty,
  defer,
  from,
  map,
  of,
  take,
  throwError,
  timeout,
  type Observable,
  type ObservableInput,
  type SchedulerLike,
} from 'rxjs';
import { CallbackError, ConnectionLostError, UnauthorizedError } from '../../errors.js';
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
 * @throws {UnauthorizedError} Delivered, when `authenticate` returns nothing, or a principal that
 *   has expired.
 * @throws {CallbackError} Delivered, when `authenticate` fails, takes too long, or returns a value
 *   that is no principal. None of these is a fault of the client: the client may try again.
 */
export type Authentication = (credentials: () => Credentials) => Observable<Principal | undefined>;

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const { authenticate, maxAuthenticating, timeLimit, scheduler } = options;
  if (!authenticate) return () => of(undefined);

  const inTurn = createSemaphore(maxAuthenticating);
  const first = Math.min(timeLimit, MAX_DELAY);
  const tooLate = (): Error => new Error(`authenticate did not answer within ${first} ms`);
  return (credentials) =>
    inTurn(defer(() => asObservable(authenticate(credentials())))).pipe(
      take(1),
      defaultIfEmpty(undefined),
      timeout({ first, scheduler, with: () => throwError(tooLate) }),
      map(asPrincipal),
      catchError((cause: unknown) => throwError(() => new CallbackError('authenticate', cause))),
      map((principal) => checked(principal, wallTime(scheduler))),
    );
}

type Answer = ReturnType<Authenticate<Principal | undefined>>;

function asObservable(answer: Answer): Observable<unknown> {
  const isStream = Object(answer) === answer && !isPrincipal(answer);
  return isStream ? from(answer as ObservableInput<unknown>) : of(answer);
}

function isPrincipal(answer: unknown): answer is Principal {
  const { id } = Object(answer) as Partial<Principal>;
  return typeof id === 'string' && id !== '';
}

/** @throws {TypeError} When the answer of `authenticate` is neither a principal nor nothing. */
function asPrincipal(answer: unknown): Principal | undefined {
  if (isPrincipal(answer)) return answer;
  if (answer === undefined || answer === null) return undefined;
  throw new TypeError(`authenticate: expected a principal with an "id", or undefined, got ${describe(answer)}`);
}

/** Names the type of a value, which may be secret. */
function describe(answer: unknown): string {
  return typeof answer === 'object' ? 'an object without an id' : typeof answer;
}

/** @throws {UnauthorizedError} When there is no principal, or the principal has expired. */
function checked(principal: Principal | undefined, now: number): Principal {
  if (principal && !((principal.expiresAt ?? Infinity) <= now)) return principal;
  const reason = principal ? 'the principal has expired: see its "expiresAt"' : 'authenticate returned no principal';
  throw new UnauthorizedError(CloseCode.UNAUTHORIZED, NOT_ACCEPTED, new Error(reason));
}

const NOT_ACCEPTED = 'the credentials were not accepted';

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
  if (error instanceof UnauthorizedError) return [error.closeCode as CloseCode, NOT_ACCEPTED];
  if (error instanceof CallbackError) return [CloseCode.TRY_AGAIN_LATER, 'the server could not check the credentials'];
  return [CloseCode.BAD_FRAMES, 'no hello that this server understands'];
}
