import {
  concat,
  defer,
  lastValueFrom,
  mergeMap,
  ObjectUnsubscribedError,
  of,
  pipe,
  Subject,
  Subscription,
  take,
  throwError,
  toArray,
  VirtualTimeScheduler,
  type Observable,
  type Observer,
} from 'rxjs';
import {
  exponentialDelay,
  linearDelay,
  retryBackoff,
  type RetryAttempt,
  type RetryBackoffConfig,
} from '../../lib/operators/retryBackoff.js';
import { operatorContract } from '../support/operatorContract.js';

describe('retryBackoff', () => {
  const boom = new Error('boom');
  const failing = (): Observable<never> => throwError(() => boom);

  /** The delays of the first retries of a source that always fails. */
  const delaysOf = (config: Partial<RetryBackoffConfig>, retries = 4): number[] => {
    const delays: number[] = [];
    const onRetry = ({ delay }: RetryAttempt): unknown => delays.push(delay);
    const scheduler = new VirtualTimeScheduler(undefined, Infinity);
    failing()
      .pipe(retryBackoff({ initialInterval: 100, maxRetries: retries, onRetry, scheduler, ...config }))
      .subscribe({ error: () => undefined });
    scheduler.flush();
    return delays;
  };

  operatorContract(() => retryBackoff({ initialInterval: 1, maxRetries: 2 }), {
    throwing: Object.fromEntries(
      ['shouldRetry', 'backoffDelay', 'onRetry', 'random'].map((callback) => [
        callback,
        (fail: () => never) => pipe(mergeMap(failing), retryBackoff({ initialInterval: 1, [callback]: fail })),
      ]),
    ),
  });

  it('passes the very error on after maxRetries, 0 meaning none', async () => {
    for (const maxRetries of [0, 2]) {
      let subscriptions = 0;
      const source = defer(() => (subscriptions++, failing()));
      await expect(lastValueFrom(source.pipe(retryBackoff({ initialInterval: 0, maxRetries })))).rejects.toBe(boom);
      expect(subscriptions).toBe(maxRetries + 1);
    }
  });

  it('calls onRetry with the attempt, the delay and the error', () => {
    const told: RetryAttempt[] = [];
    delaysOf({ onRetry: (retry) => told.push(retry) }, 2);
    expect(told).toEqual([
      { attempt: 1, delay: 100, error: boom },
      { attempt: 2, delay: 200, error: boom },
    ]);
  });

  it('counts from 1 again after a success, with resetOnSuccess', () => {
    const attempts: number[] = [];
    const scheduler = new VirtualTimeScheduler(undefined, Infinity);
    let subscriptions = 0;
    const source = defer(() => (subscriptions++ === 2 ? concat(of('success'), failing()) : failing()));
    const onRetry = ({ attempt }: RetryAttempt): unknown => attempts.push(attempt);
    const error = () => undefined;
    source.pipe(retryBackoff({ initialInterval: 1, maxRetries: 3, resetOnSuccess: true, onRetry, scheduler })).subscribe({ error });
    scheduler.flush();
    expect(attempts).toEqual([1, 2, 1, 2, 3]);
  });

  it('calls neither backoffDelay nor onRetry after the last attempt', () => {
    const asked: unknown[] = [];
    const backoffDelay = (iteration: number): number => asked.push(iteration);
    delaysOf({ backoffDelay, onRetry: () => asked.push('onRetry'), maxRetries: 1 });
    expect(asked).toEqual([0, 'onRetry']);
    delaysOf({ backoffDelay, onRetry: () => asked.push('onRetry'), shouldRetry: (error) => error !== boom });
    expect(asked).toEqual([0, 'onRetry']);
  });

  it.each([undefined, 0, null])('ends when shouldRetry returns %p', (answer) => {
    expect(delaysOf({ shouldRetry: () => answer as never })).toEqual([]);
  });

  it('delivers the error of a source that cannot be subscribed to any more', () => {
    const scheduler = new VirtualTimeScheduler(undefined, Infinity);
    const closed = new Subject<never>();
    const errors: unknown[] = [];
    let subscriptions = 0;
    // As a Subject that was unsubscribed, `subscribe` itself throws.
    const source = Object.assign(failing(), {
      subscribe(to: Observer<never>) {
        if (++subscriptions > 1) return closed.subscribe(to);
        to.error(boom);
        return Subscription.EMPTY;
      },
    });
    closed.unsubscribe();
    source.pipe(retryBackoff({ initialInterval: 1, maxRetries: 1, scheduler })).subscribe({ error: (error) => errors.push(error) });
    expect(() => scheduler.flush()).not.toThrow();
    expect(errors).toEqual([expect.any(ObjectUnsubscribedError)]);
  });

  it('takes its delays from the strategy', () => {
    expect(delaysOf({})).toEqual([100, 200, 400, 800]);
    expect(delaysOf({ backoffDelay: exponentialDelay })).toEqual([100, 200, 400, 800]);
    expect(delaysOf({ backoffDelay: linearDelay })).toEqual([100, 200, 300, 400]);
    expect(delaysOf({ backoffDelay: (iteration, initialInterval) => initialInterval - iteration })).toEqual([100, 99, 98, 97]);
  });

  it.each([NaN, -1, -Infinity])('counts a delay of %p as 0', (delay) => {
    expect(delaysOf({ backoffDelay: () => delay }, 2)).toEqual([0, 0]);
  });

  it('waits no longer than a timer can, however often it has failed', () => {
    expect(delaysOf({ maxRetries: 2_000 }).at(-1)).toBe(2 ** 31 - 1);
    expect(delaysOf({ backoffDelay: () => Infinity, maxInterval: Infinity }, 1)).toEqual([2 ** 31 - 1]);
    expect(delaysOf({ maxInterval: 2 ** 40, backoffDelay: () => 2 ** 35 }, 1)).toEqual([2 ** 31 - 1]);
  });

  it('draws the jittered part of the delay, after the limits, by chance', () => {
    expect(delaysOf({ jitter: 1, random: () => 0 })).toEqual([0, 0, 0, 0]);
    expect(delaysOf({ jitter: 1, random: () => 0.5, maxInterval: 300 })).toEqual([50, 100, 150, 150]);
    expect(delaysOf({ jitter: 0.5, random: () => 0 })).toEqual([50, 100, 200, 400]);
    expect(delaysOf({ jitter: 0.5, random: () => 0.5 })).toEqual([75, 150, 300, 600]);
    expect(delaysOf({ jitter: 0, random: () => 0.5 })).toEqual([100, 200, 400, 800]);
  });

  it('spreads full jitter evenly over the whole delay by default', () => {
    const delays = delaysOf({ jitter: 1, backoffDelay: () => 1_000 }, 2_000);
    expect(delays.every((delay) => delay >= 0 && delay < 1_000)).toBe(true);
    for (const quarter of [0, 1, 2, 3]) {
      const share = delays.filter((delay) => Math.floor(delay / 250) === quarter).length / delays.length;
      expect(share).toBeGreaterThan(0.15);
      expect(share).toBeLessThan(0.35);
    }
  });

  it('retries a source that fails synchronously 20,000 times without a growing stack', () => {
    expect(delaysOf({ initialInterval: 0 }, 20_000)).toHaveLength(20_000);
  });

  it('lets go of the event loop between retries without a delay', async () => {
    const retrying = failing().pipe(retryBackoff(0)).subscribe();
    await new Promise((resolve) => setTimeout(resolve));
    expect(retrying.closed).toBe(false);
    retrying.unsubscribe();
  });

  it('counts retries per subscription', async () => {
    let subscriptions = 0;
    const source = defer(() => (++subscriptions % 3 === 0 ? of(subscriptions) : failing()));
    const retried = source.pipe(retryBackoff({ initialInterval: 0, maxRetries: 2 }), take(1), toArray());
    expect(await lastValueFrom(retried)).toEqual([3]);
    expect(await lastValueFrom(retried)).toEqual([6]);
  });

  it.each(['initialInterval', 'maxInterval', 'maxRetries', 'jitter'])('refuses a negative or NaN %s when called', (option) => {
    for (const value of [-1, NaN]) {
      const message = `retryBackoff: "${option}" must be >= 0, got ${value}`;
      expect(() => retryBackoff({ initialInterval: 1, [option]: value })).toThrow(new RangeError(message));
    }
    expect(() => retryBackoff({ initialInterval: 1, [option]: 0 })).not.toThrow();
  });

  it('refuses a jitter above 1, and a bad number as the whole configuration', () => {
    expect(() => retryBackoff({ initialInterval: 1, jitter: 1.1 })).toThrow(new RangeError('retryBackoff: "jitter" must be <= 1, got 1.1'));
    expect(() => retryBackoff(-1)).toThrow(new RangeError('retryBackoff: "initialInterval" must be >= 0, got -1'));
  });
});
