import { AsyncSubject, defer, from, map, mergeAll, mergeMap, startWith, tap, type Observable, type SchedulerLike } from 'rxjs';
import { assertPositive } from '../../internal/assert.js';
import { mergeFromQueue, type MergeQueue } from '../../internal/mergeFromQueue.js';
import type { Message } from '../../message/types.js';
import { createRetries, type Consumed, type HandlerWork } from '../../session/consume/consumeOptions.js';
import { handled, type ConsumeParts } from '../../session/consume/consumeOne.js';
import type { QueueCore } from './queueCore.js';
import type { ProcessOptions } from './queueOptions.js';
import type { QueueItem } from './waitingItems.js';

/** Takes items while it is subscribed to, and calls the handler for each. */
export function processItems<T extends Message, R>(
  core: QueueCore<T>,
  scheduler: SchedulerLike,
  handler: (message: T) => HandlerWork<R>,
  { concurrency = 1, retry, onError, deadLetter }: ProcessOptions<T, R>,
): Observable<Consumed<T, R>> {
  assertPositive('queue', { concurrency });
  const retries = createRetries(retry, scheduler);

  return defer(() => {
    core.open();
    /** The items to put back when the processor is unsubscribed. */
    const running = new Set<QueueItem<T>>();
    let isUnsubscribed = false;
    /**
     * Unsubscribing does not cancel the storing of a dead letter: the letter might be stored, and
     * the message would also be put back.
     */
    const protect: ConsumeParts<T, R, never>['protect'] = (message, outcome, store) => {
      const kept = store();
      const item = [...running].find((one) => one.message === message);
      if (!kept || !item) return kept;

      running.delete(item);
      const kept$ = new AsyncSubject<unknown>();
      // Runs before the processor continues with the result, if it is still subscribed.
      kept$.subscribe({
        error(error) {
          if (!isUnsubscribed) return void running.add(item);
          core.errors$.next(error);
          core.putBack([item]);
        },
        complete() {
          if (!isUnsubscribed) return void running.add(item);
          core.jobOf(item).held?.end(outcome);
          core.finish(item);
        },
      });
      from(kept).subscribe(kept$);
      return kept$;
    };
    const parts = { handler, retries, scheduler, protect, ...(onError && { onError }), ...(deadLetter && { deadLetter }) };
    const end = (item: QueueItem<T>): Observable<unknown> | undefined => (running.delete(item) ? core.finish(item) : undefined);
    const project = (item: QueueItem<T>): Observable<Observable<Consumed<T, R>>> =>
      handled(core.jobOf(item), parts).pipe(
        map((processed$) => end(item)?.pipe(mergeMap(() => processed$)) ?? processed$),
        // It completes without a value when the session has ended: the session will deliver the
        // message again.
        tap({ complete: () => end(item) }),
      );
    const createQueue = (): MergeQueue<unknown, QueueItem<T>> => ({
      push: () => undefined,
      shift() {
        const item = core.take();
        if (item) running.add(item);
        return item;
      },
      close() {
        isUnsubscribed = true;
        core.putBack(running);
      },
    });
    // The next item need not wait for this write: many share a transaction.
    return mergeFromQueue(core.wake$.pipe(startWith(undefined)), { concurrency, createQueue, project }).pipe(mergeAll());
  });
}
