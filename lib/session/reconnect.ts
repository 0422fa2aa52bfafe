import { catchError, defer, switchMap, tap, throwError, type Observable, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, ReconnectGivenUpError, RxwireError, UnauthorizedError } from '../errors.js';
import { after } from '../internal/after.js';
import { FORBIDDEN, isReconnectable, UNAUTHORIZED } from '../link/closeCode.js';
import { exponentialDelay } from '../internal/retryDelays.js';
import { retryBackoff, type RetryAttempt, type RetryBackoffConfig } from '../operators/retryBackoff.js';
import type { Report } from './sessionEvents.js';
import { hopeful, networkSignals, type NetworkSignal } from './networkSignals.js';

/**
 * How to reconnect: the options of `retryBackoff`, by default from 0.5 to 30 s with full jitter;
 * `false`: not at all.
 */
export type ReconnectOptions = Partial<RetryBackoffConfig> | false;

/** The end of the last connection. */
export interface ConnectionEnds {
  /** Returns the remaining delay that the peer has requested, in ms. */
  readonly pause: () => number;
  /**
   * Returns whether the connection ended because of a message, which is not sent again for ever:
   * then any close code permits another connection.
   */
  readonly isBlamed: () => boolean;
  /**
   * Returns whether the peer has announced the end of the connection. Such an end is no failure:
   * the next attempt follows without an additional delay.
   */
  readonly isAnnounced: () => boolean;
}

const NO_ENDS: ConnectionEnds = { pause: () => 0, isBlamed: () => false, isAnnounced: () => false };

/**
 * Opens a lost link again, unless its close code is final. A received value resets the delay: the
 * link emits one when it has made progress.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 */
export function reconnecting<T>(
  options: ReconnectOptions,
  report: Report,
  scheduler: SchedulerLike,
  signals$: Observable<NetworkSignal> = networkSignals,
): (source: Observable<T>, ends?: ConnectionEnds) => Observable<T> {
  const config: RetryBackoffConfig = {
    initialInterval: 500,
    maxInterval: 30_000,
    jitter: 1,
    resetOnSuccess: true,
    shouldRetry: isTemporary,
    wake$: hopeful(signals$),
    scheduler,
    ...(options || { maxRetries: 0 }),
  };
  const { shouldRetry = isTemporary, backoffDelay: delayOf = exponentialDelay } = config;
  // Validates the options now: the call below runs only at subscription.
  retryBackoff(config);

  return (source, { pause, isBlamed, isAnnounced } = NO_ENDS) =>
    defer(() => {
      let attempts = 0;
      const onRetry = (retry: RetryAttempt): void => {
        attempts = retry.attempt;
        const { closeCode, reason } = Object(retry.error) as Partial<ConnectionLostError>;
        if (isAnnounced() && closeCode !== undefined)
          report({ kind: 'moved', closeCode, reason: reason ?? '', delay: Math.max(0, pause()) });
        else report({ kind: 'retry', ...retry, delay: Math.max(retry.delay, pause()) });
        config.onRetry?.(retry);
      };
      const backoffDelay = (iteration: number, initial: number): number => (isAnnounced() ? 0 : delayOf(iteration, initial));
      const attempt$ = defer(() => (pause() > 0 ? after(pause(), scheduler).pipe(switchMap(() => source)) : source));
      return attempt$.pipe(
        tap(() => (attempts = 0)),
        retryBackoff({ ...config, backoffDelay, onRetry, shouldRetry: (error: unknown) => isBlamed() || shouldRetry(error) }),
        catchError((error: unknown) =>
          throwError(() => ((isTemporary(error) || isBlamed()) && options ? new ReconnectGivenUpError(attempts, error) : explained(error))),
        ),
      );
    });
}

/** Returns an `UnauthorizedError` for a rejected client; any other error unchanged. */
function explained(error: unknown): unknown {
  if (!(error instanceof ConnectionLostError)) return error;
  const { closeCode, reason } = error;
  return closeCode === UNAUTHORIZED || closeCode === FORBIDDEN ? new UnauthorizedError(closeCode, reason, error) : error;
}

/**
 * Returns whether a lost link can be opened again: after a close code that permits it, or an error
 * that is not an `RxwireError`.
 */
export function isTemporary(error: unknown): boolean {
  if (error instanceof ConnectionLostError) return isReconnectable(error.closeCode);
  return !(error instanceof RxwireError);
}
