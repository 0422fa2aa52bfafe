import { defaultIfEmpty, from, Subscription, take, type ObservableInput, type SchedulerLike, type Unsubscribable } from 'rxjs';
import {
  CallbackError,
  ConnectionLostError,
  UnauthorizedError,
  DecodeError,
  ProtocolError,
  RxwireError,
  StoreError,
} from '../../message/errors.js';
import { MAX_DELAY } from '../../operators/timing/coalescedTimer.js';
import { createSemaphore } from './semaphore.js';
import { wallTime } from '../../message/steadyScheduler.js';
import { CloseCode } from '../../message/closeCode.js';
import type { Credentials, Principal } from '../principal.js';
import type { FullServeOptions } from '../serverOptions.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { reportUncaught } from '../../message/errors/reportUncaught.js';

/**
 * Calls back with the principal of credentials: at once if `authenticate` answers at once. Without
 * the option `authenticate`, the principal is `undefined`.
 *
 * `failed` is called with an {@link UnauthorizedError}, when `authenticate` returns nothing, or a
 * principal that has expired; with a {@link CallbackError}, when `authenticate` fails, takes too
 * long, or returns a value that is no principal. None of the latter is a fault of the client: the
 * client may try again.
 *
 * @returns Gives the check up when it is unsubscribed; undefined if the check is over.
 */
export type Authentication = (
  credentials: () => Credentials,
  done: (principal: Principal | undefined) => void,
  failed: (error: unknown) => void,
) => Unsubscribable | undefined;

export function createAuthentication({
  authenticate,
  maxAuthenticating,
  handshakeTimeout,
  scheduler,
}: Pick<FullServeOptions, 'authenticate' | 'maxAuthenticating' | 'handshakeTimeout' | 'scheduler'>): Authentication {
  if (!authenticate)
    return (_, done) => {
      done(undefined);
      return undefined;
    };

  const inTurn = createSemaphore(maxAuthenticating);
  const limit = Math.min(handshakeTimeout, MAX_DELAY);
  return (credentials, done, failed) => {
    const check = new Subscription();
    const end = (callback: () => void): void => {
      if (check.closed) return;
      check.unsubscribe();
      callback();
    };
    const fail = (cause: unknown): void => end(() => failed(new CallbackError('authenticate', cause)));
    const answered = (answer: unknown): void =>
      end(() => {
        let principal: Principal;
        try {
          principal = principalIn(answer, wallTime(scheduler));
        } catch (error) {
          failed(error);
          return;
        }
        done(principal);
      });
    const start = (): void => {
      let answer: unknown;
      try {
        answer = authenticate(credentials());
        if (isStream(answer)) {
          check.add(from(answer).pipe(take(1), defaultIfEmpty(undefined)).subscribe({ next: answered, error: fail }));
          return;
        }
      } catch (cause) {
        fail(cause);
        return;
      }
      answered(answer);
    };
    check.add(inTurn(start));
    if (check.closed) return undefined;
    check.add(scheduler.schedule(() => fail(new Error(`authenticate did not answer within ${limit} ms`)), limit));
    return check;
  };
}

function isStream(answer: unknown): answer is ObservableInput<unknown> {
  return Object(answer) === answer && !isPrincipal(answer);
}

function isPrincipal(answer: unknown): answer is Principal {
  const { id } = Object(answer) as Partial<Principal>;
  return typeof id === 'string' && id !== '';
}

/**
 * @throws {UnauthorizedError} When there is no principal, or the principal has expired.
 * @throws {CallbackError} When the answer of `authenticate` is neither a principal nor nothing.
 */
function principalIn(answer: unknown, now: number): Principal {
  const isNothing = answer === undefined || answer === null;
  if (!isNothing && !isPrincipal(answer)) {
    const error = new TypeError(`authenticate: expected a principal with an "id", or undefined, got ${describe(answer)}`);
    throw new CallbackError('authenticate', error);
  }
  if (!isNothing && !((answer.expiresAt ?? Infinity) <= now)) return answer;
  const reason = isNothing ? 'authenticate returned no principal' : 'the principal has expired: see its "expiresAt"';
  throw new UnauthorizedError(CloseCode.UNAUTHORIZED, NOT_ACCEPTED, new Error(reason));
}

/** Names the type of a value, which may be secret. */
function describe(answer: unknown): string {
  return typeof answer === 'object' ? 'an object without an id' : typeof answer;
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

/** The code and the reason that a client receives at the end of its connection. */
export type Goodbye = readonly [code: CloseCode, reason: string];

/** Returns the close code and reason for a client that is refused. They do not reveal the cause. */
export function goodbyeOf(error: unknown): Goodbye {
  if (error instanceof ConnectionLostError) return [error.closeCode as CloseCode, error.reason];
  if (error instanceof UnauthorizedError) return [error.closeCode as CloseCode, NOT_ACCEPTED];
  if (error instanceof CallbackError) return [CloseCode.TRY_AGAIN_LATER, 'the server could not check the credentials'];
  return [CloseCode.BAD_FRAMES, error instanceof ProtocolError ? error.reason : 'no hello that this server understands'];
}

/**
 * Returns a function that reports why a connection was refused: to `onRefused`. Without it, only
 * failures of the server itself are reported.
 */
export function createRefusalReporter(onRefused: ((error: RxwireError) => void) | undefined): (error: unknown) => void {
  return (error) => {
    const refusal = error instanceof RxwireError ? error : new DecodeError('hello', 'the first frame is not readable', error);
    if (onRefused)
      callSafely(
        () => onRefused(refusal),
        (cause) => reportUncaught(new CallbackError('onRefused', cause)),
      );
    else if (refusal instanceof CallbackError || refusal instanceof StoreError) reportUncaught(refusal);
  };
}
