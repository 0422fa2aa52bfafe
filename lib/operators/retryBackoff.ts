import { asyncScheduler, merge, NEVER, retry, throwError, timer, type Observable, type SchedulerLike } from 'rxjs';
import { MAX_DELAY } from '../internal/coalescedTimer.js';
import { assertNotNegative } from '../internal/assert.js';
import { exponentialDelay } from '../internal/retryDelays.js';

/** How long to wait, in ms, before retry number `iteration` (from 0). Negative and NaN count as 0. */
export type BackoffDelay = (iteration: number, initialInterval: number) => number;

/** What {@link RetryBackoffConfig.onRetry} is told. */
export interface RetryAttempt {
  /** 1 for the first retry; starts again at 1 after a success, with `resetOnSuccess`. */
  readonly attempt: number;
  /** How long the retry waits from now, in ms. */
  readonly delay: number;
  /** What the source failed with. */
  readonly error: unknown;
}

export interface RetryBackoffConfig {
  /** What the delays grow from, in ms. */
  readonly initialInterval: number;
  /** Retries at most (with `resetOnSuccess`: in a row); the error after the last one is passed on. @default Infinity */
  readonly maxRetries?: number;
  /** Longest delay, in ms. @default Infinity, but never above 2^31 - 1 */
  readonly maxInterval?: number;
  /** Whether a value counts as success: the next error is the first again. @default false */
  readonly resetOnSuccess?: boolean;
  /** False for an error that no retry will cure: it is passed on. @default every error is retried */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in backoff-rxjs: `(error) => error.status >= 500` must go on compiling
  readonly shouldRetry?: (error: any) => boolean;
  /** The delay of each attempt; not called for one that will not happen. @default exponentialDelay */
  readonly backoffDelay?: BackoffDelay;
  /** The part of each delay that is random: 0 none, 0.5 "equal jitter", 1 "full jitter". @default 0 */
  readonly jitter?: number;
  /** Told of each retry when its wait begins. */
  readonly onRetry?: (retry: RetryAttempt) => void;
  /** Ends the wait there is: what has failed may work now. @default never */
  readonly wake$?: Observable<unknown>;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** Where chance comes from: numbers from 0 up to, but not including, 1. @default Math.random */
  readonly random?: () => number;
}

/**
 * Subscribes again after an error, each time after a longer wait. A drop-in for the operator of this name in backoff-rxjs 7.
 *
 *     source          -a-#
 *     retryBackoff    -a---a----a------a-     (initialInterval: 1 ms)
 *
 * Many clients that failed together also return together, unless `jitter` spreads them (AWS Architecture Blog, "Exponential Backoff
 * and Jitter"): 1 for clients of one server, 0.5 where some wait must remain. A throw of `shouldRetry`, `backoffDelay` or `onRetry`
 * is delivered as an error.
 *
 * @param config The initial interval in ms, or all of {@link RetryBackoffConfig}.
 * @throws {RangeError} At call time, if a number is negative or NaN, or `jitter` above 1.
 * @example
 * load$.pipe(retryBackoff({ initialInterval: 500, maxInterval: 30_000, maxRetries: 8, jitter: 1 })).subscribe(draw);
 * @example
 * load$.pipe(retryBackoff({ initialInterval: 1_000, backoffDelay: linearDelay, onRetry: ({ delay }) => draw(delay) })).subscribe(draw);
 */
export function retryBackoff(config: number | RetryBackoffConfig): <T>(source: Observable<T>) => Observable<T> {
  const {
    initialInterval,
    maxRetries = Infinity,
    maxInterval = Infinity,
    resetOnSuccess = false,
    shouldRetry = () => true,
    backoffDelay = exponentialDelay,
    jitter = 0,
    onRetry,
    wake$ = NEVER,
    scheduler = asyncScheduler,
    random = Math.random,
  }: RetryBackoffConfig = typeof config === 'number' ? { initialInterval: config } : config;
  assertNotNegative('retryBackoff', { initialInterval, maxRetries, maxInterval, jitter });
  if (jitter > 1) throw new RangeError(`retryBackoff: "jitter" must be <= 1, got ${jitter}`);

  const delayOf = (iteration: number): number => {
    const delay = Math.min(backoffDelay(iteration, initialInterval), maxInterval, MAX_DELAY);
    return delay > 0 ? delay * (1 - jitter + jitter * random()) : 0;
  };
  const wait = (error: unknown, attempt: number): Observable<unknown> => {
    if (!shouldRetry(error)) return throwError(() => error);
    const delay = delayOf(attempt - 1);
    onRetry?.({ attempt, delay, error });
    return merge(timer(delay, scheduler), wake$);
  };
  return (source) => source.pipe(retry({ count: maxRetries, delay: wait, resetOnSuccess }));
}
