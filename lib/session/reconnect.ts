import { catchError, defer, switchMap, tap, throwError, type Observable, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, ReconnectGivenUpError, RxwireError, UnauthorizedError } from '../errors.js';
import { after } from '../internal/after.js';
import { FORBIDDEN, isReconnectable, UNAUTHORIZED } from '../link/closeCode.js';
import { retryBackoff, type RetryAttempt, type RetryBackoffConfig } from '../operators/retryBackoff.js';
import type { Report } from './sessionEvents.js';
import { hopeful, networkSignals, type NetworkSignal } from './networkSignals.js';

/** How to reconnect: as `retryBackoff`, from 0.5 to 30 s with full jitter unless said otherwise; `false`: not at all. */
export type ReconnectOptions = Partial<RetryBackoffConfig> | false;

/**
 * Opens a link again when it is lost, unless the close code says that this is of no use. What arrives resets the delay: a
 * peer that accepts and closes at once is not hammered. `pause` tells for how long, from now, it has asked to be left alone.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 */
export function reconnecting<T>(
  options: ReconnectOptions,
  report: Report,
  scheduler: SchedulerLike,
  signals$: Observable<NetworkSignal> = networkSignals,
): (source: Observable<T>, pause?: () => number) => Observable<T> {
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
  // Called for its checks: below it is called only when somebody subscribes.
  retryBackoff(config);

  return (source, pause = () => 0) =>
    defer(() => {
      let attempts = 0;
      const onRetry = (retry: RetryAttempt): void => {
        attempts = retry.attempt;
        report({ kind: 'retry', ...retry, delay: Math.max(retry.delay, pause()) });
        config.onRetry?.(retry);
      };
      const attempt$ = defer(() => (pause() > 0 ? after(pause(), scheduler).pipe(switchMap(() => source)) : source));
      return attempt$.pipe(
        tap(() => (attempts = 0)),
        retryBackoff({ ...config, onRetry }),
        catchError((error: unknown) =>
          throwError(() => (isTemporary(error) && options ? new ReconnectGivenUpError(attempts, error) : explained(error))),
        ),
      );
    });
}

/** What an application branches on. */
function explained(error: unknown): unknown {
  if (!(error instanceof ConnectionLostError)) return error;
  const { closeCode, reason } = error;
  return closeCode === UNAUTHORIZED || closeCode === FORBIDDEN ? new UnauthorizedError(closeCode, reason, error) : error;
}

/** Whether a lost link may be had again. Errors of links that know nothing of close codes are worth an attempt. */
export function isTemporary(error: unknown): boolean {
  if (error instanceof ConnectionLostError) return isReconnectable(error.closeCode);
  return !(error instanceof RxwireError);
}
