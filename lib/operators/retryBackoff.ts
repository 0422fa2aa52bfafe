import { asyncScheduler, Observable, type Observer, type SchedulerLike, Subscription } from 'rxjs';
import { assertNotNegative, assertRule, checkOptions } from '../message/development.js';
import { MAX_DELAY } from './timing/coalescedTimer.js';

/**
 * Returns the delay before retry number `iteration` (from 0), in ms. Negative numbers and NaN count
 * as 0.
 */
export type BackoffDelay = (iteration: number, initialInterval: number) => number;

/** The argument of {@link RetryBackoffConfig.onRetry}. */
export interface RetryAttempt {
  /** 1 for the first retry; starts again at 1 after a success, with `resetOnSuccess`. */
  readonly attempt: number;
  /** How long the retry waits from now, in ms. */
  readonly delay: number;
  /** The error of the source. */
  readonly error: unknown;
}

export interface RetryBackoffConfig {
  /** The first delay, in ms. */
  readonly initialInterval: number;
  /**
   * Retries at most, in a row with `resetOnSuccess`; then the error is delivered.
   * @default Infinity
   */
  readonly maxRetries?: number;
  /** The maximum delay, in ms. @default Infinity, but never above 2^31 - 1 */
  readonly maxInterval?: number;
  /** Whether the delays start again after a value. @default false */
  readonly resetOnSuccess?: boolean;
  /**
   * Returns false for an error that is delivered without a retry.
   * @default retries after every error
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in backoff-rxjs: `(error) => error.status >= 500` must continue compiling
  readonly shouldRetry?: (error: any) => boolean;
  /** Returns the delay of each retry; not called for the last error. @default exponentialDelay */
  readonly backoffDelay?: BackoffDelay;
  /** The random part of each delay: 0.5 is "equal jitter", 1 "full jitter". @default 0 */
  readonly jitter?: number;
  /** Called for each retry when its delay begins. */
  readonly onRetry?: (retry: RetryAttempt) => void;
  /** Ends the current delay when it emits, as when the network is back. @default never */
  readonly wake$?: Observable<unknown>;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** The source of randomness: numbers from 0 up to, but not including, 1. @default Math.random */
  readonly random?: () => number;
}

/**
 * Subscribes again after an error, each time after a longer delay. A drop-in replacement for the
 * operator of this name in backoff-rxjs 7.
 *
 *     source          -a-#
 *     retryBackoff    -a---a----a------a-     (initialInterval: 1 ms)
 *
 * Clients that failed together also retry together, unless `jitter` spreads them (AWS Architecture
 * Blog, "Exponential Backoff and Jitter"): use 1 for clients of one server, 0.5 where a minimum
 * delay is needed. A throw of `shouldRetry`, `backoffDelay` or `onRetry` is delivered as an error.
 *
 * @param config The initial interval in ms, or all of {@link RetryBackoffConfig}.
 * @throws {RangeError} At call time, if a number is negative or NaN, or `jitter` above 1.
 * @example
 * import { fromFetch } from 'rxjs/fetch';
 * import { retryBackoff } from 'rxwire';
 *
 * const status$ = fromFetch('http://127.0.0.1:4870/status');
 * status$
 *   .pipe(retryBackoff({ initialInterval: 500, maxInterval: 30_000, maxRetries: 8, jitter: 1 }))
 *   .subscribe(({ status }) => console.log(status));
 */
export function retryBackoff(config: number | RetryBackoffConfig): <T>(source: Observable<T>) => Observable<T> {
  const options: RetryBackoffConfig = typeof config === 'number' ? { initialInterval: config } : config;
  checkOptions('retryBackoff', options);
  const { maxRetries = Infinity, resetOnSuccess, shouldRetry, onRetry, wake$, scheduler = asyncScheduler } = options;
  const delayOf = backoffDelays(options);

  // RxJS's `retry` brings two kilobytes to a page that has no other use for them.
  return <T>(source: Observable<T>) =>
    // eslint-disable-next-line no-restricted-syntax -- passes on what the source delivers, and ends with its subscriber
    new Observable<T>((to) => {
      let retries = 0;
      let last: Subscription | undefined;
      let isSubscribing = false;
      let isDue = false;

      /** Subscribes until an attempt does not fail at once, or waits for the next one. */
      const start = (): void => {
        isDue = true;
        if (isSubscribing) return;
        isSubscribing = true;
        while (isDue && !to.closed) {
          isDue = false;
          guard(subscribe);
        }
        isSubscribing = false;
      };
      const subscribe = (): void => {
        // One that `wake$` has replaced at once.
        last?.unsubscribe();
        const attempt = (last = new Subscription());
        let isStopped = false;
        to.add(attempt);
        // RxJS uses a Subscription with the methods of an Observer as it is: the source ends with
        // `to`, also while it is being subscribed to.
        const observer: Observer<T> = {
          next(value) {
            if (isStopped || attempt.closed) return;
            if (resetOnSuccess) retries = 0;
            to.next(value);
          },
          error(error) {
            if (isStopped || attempt.closed) return;
            isStopped = true;
            guard(() => failed(error));
            attempt.unsubscribe();
          },
          complete() {
            if (isStopped) return;
            isStopped = true;
            to.complete();
          },
        };
        source.subscribe(Object.assign(attempt, observer));
      };
      const failed = (error: unknown): void => {
        if (retries >= maxRetries || (shouldRetry && !shouldRetry(error))) throw error;
        const delay = delayOf(retries);
        retries++;
        onRetry?.({ attempt: retries, delay, error });
        if (!to.closed) wait(delay);
      };
      /** Delivers an exception: the last error, or that of a callback. */
      const guard = (work: () => void): void => {
        try {
          work();
        } catch (error) {
          to.error(error);
        }
      };
      const wait = (delay: number): void => {
        const waiting = new Subscription();
        const end = (): void => {
          if (waiting.closed) return;
          waiting.unsubscribe();
          start();
        };
        to.add(waiting);
        waiting.add(scheduler.schedule(end, delay));
        waiting.add(wake$?.subscribe({ next: end, error: (error) => waiting.closed || to.error(error) }));
      };
      start();
    });
}

/**
 * Returns a function that returns the delay before retry number `iteration` (from 0), in ms.
 *
 * @throws {RangeError} If a number of the configuration is negative or NaN, or `jitter` above 1.
 */
export function backoffDelays(config: RetryBackoffConfig): (iteration: number) => number {
  const { initialInterval, maxRetries, maxInterval = Infinity, jitter = 0 } = config;
  const { backoffDelay = exponentialDelay, random = Math.random } = config;
  assertNotNegative('retryBackoff', { initialInterval, maxRetries, maxInterval, jitter });
  assertRule('retryBackoff', 'jitter', jitter, '<= 1');
  return (iteration) => {
    const delay = Math.min(backoffDelay(iteration, initialInterval), maxInterval, MAX_DELAY);
    return delay > 0 ? delay * (1 - jitter + jitter * random()) : 0;
  };
}

/**
 * Doubles the delay each time: 1, 2, 4, 8, … times `initialInterval`.
 *
 * @param iteration The number of retries before this one.
 * @param initialInterval In ms.
 * @example
 * import { exponentialDelay } from 'rxwire';
 *
 * console.log([0, 1, 2, 3].map((iteration) => exponentialDelay(iteration, 500)).join(' ')); // prints: 500 1000 2000 4000
 */
export function exponentialDelay(iteration: number, initialInterval: number): number {
  return 2 ** iteration * initialInterval;
}

/**
 * Increases the delay linearly: 1, 2, 3, 4, … times `initialInterval`.
 *
 * @param iteration The number of retries before this one.
 * @param initialInterval In ms.
 * @example
 * import { linearDelay } from 'rxwire';
 *
 * console.log([0, 1, 2, 3].map((iteration) => linearDelay(iteration, 500)).join(' ')); // prints: 500 1000 1500 2000
 */
export function linearDelay(iteration: number, initialInterval: number): number {
  return (iteration + 1) * initialInterval;
}
