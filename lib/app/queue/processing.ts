import { defer, map, mergeAll, mergeMap, startWith, tap, type Observable, type SchedulerLike } from 'rxjs';
import { assertPositive } from '../../internal/assert.js';
import { mergeInTurn } from '../../internal/mergeInTurn.js';
import type { Message } from '../../message/types.js';
import { retryBackoff } from '../../operators/retryBackoff.js';
import { handled } from '../../session/consume/consumeOne.js';
import type { Consumed, HandlerWork } from '../../session/consume/consumeOptions.js';
import { burying } from './burying.js';
import type { Counter } from './counter.js';
import type { Item } from './item.js';
import type { ProcessOptions } from './queueOptions.js';

/** Takes items for as long as it is subscribed to, and handles them. */
export function processing<T extends Message, R>(
  { wake$, errors$, take, jobOf, finish, putBack }: Pick<Counter<T>, 'wake$' | 'errors$' | 'take' | 'jobOf' | 'finish' | 'putBack'>,
  scheduler: SchedulerLike,
  handler: (message: T) => HandlerWork<R>,
  { concurrency = 1, retry = {}, deadLetter }: ProcessOptions<T, R>,
): Observable<Consumed<T, R>> {
  assertPositive('queue', { concurrency });
  const config = retry === false ? { maxRetries: 0 } : retry;
  const retried = retryBackoff({ initialInterval: 100, maxRetries: 3, ...config, scheduler });

  return defer(() => {
    const running = new Set<Item<T>>();
    let isLeft = false;
    const bury = deadLetter && burying({ running, isLeft: () => isLeft, deadLetter, jobOf, finish, putBack, errors$ });
    const parts = { handler, retried, scheduler, ...(bury && { deadLetter: bury }) };
    const leave = (): Item<T> | undefined => {
      const item = take();
      if (item) running.add(item);
      return item;
    };
    const end = (item: Item<T>): Observable<unknown> | undefined => (running.delete(item) ? finish(item) : undefined);
    const project = (item: Item<T>): Observable<Observable<Consumed<T, R>>> =>
      handled(jobOf(item), parts).pipe(
        map((processed$) => end(item)?.pipe(mergeMap(() => processed$)) ?? processed$),
        // Without a word, where its session has ended: it comes again.
        tap({ complete: () => end(item) }),
      );
    const close = (): void => {
      isLeft = true;
      putBack(running);
    };
    const lobby = () => ({ leave, close, enter: () => undefined });
    // The next one need not wait until this one is written: many share a transaction.
    return mergeInTurn(wake$.pipe(startWith(undefined)), { concurrency, lobby, project }).pipe(mergeAll());
  });
}
