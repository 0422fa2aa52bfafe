import { defer, map, mergeAll, mergeMap, startWith, tap, type Observable, type SchedulerLike } from 'rxjs';
import { assertPositive } from '../../internal/assert.js';
import { mergeFromQueue, type MergeQueue } from '../../internal/mergeFromQueue.js';
import type { Message } from '../../message/types.js';
import { createRetries } from '../../session/consume/messageRetries.js';
import { handled } from '../../session/consume/consumeOne.js';
import type { Consumed, HandlerWork } from '../../session/consume/consumeOptions.js';
import { deadLettering } from './deadLettering.js';
import type { QueueCore } from './queueCore.js';
import type { QueueItem } from './queueItem.js';
import { QUEUE_DEFAULTS, type ProcessOptions } from './queueOptions.js';

/** Takes items while it is subscribed to, and calls the handler for each. */
export function processItems<T extends Message, R>(
  { wake$, errors$, take, jobOf, finish, putBack }: Pick<QueueCore<T>, 'wake$' | 'errors$' | 'take' | 'jobOf' | 'finish' | 'putBack'>,
  scheduler: SchedulerLike,
  handler: (message: T) => HandlerWork<R>,
  { concurrency = QUEUE_DEFAULTS.concurrency, retry, onError, deadLetter }: ProcessOptions<T, R>,
): Observable<Consumed<T, R>> {
  assertPositive('queue', { concurrency });
  const retries = createRetries(retry, scheduler);

  return defer(() => {
    const running = new Set<QueueItem<T>>();
    let isUnsubscribed = false;
    const protect = deadLettering({ running, isUnsubscribed: () => isUnsubscribed, jobOf, finish, putBack, errors$ });
    const parts = { handler, retries, scheduler, protect, ...(onError && { onError }), ...(deadLetter && { deadLetter }) };
    const end = (item: QueueItem<T>): Observable<unknown> | undefined => (running.delete(item) ? finish(item) : undefined);
    const project = (item: QueueItem<T>): Observable<Observable<Consumed<T, R>>> =>
      handled(jobOf(item), parts).pipe(
        map((processed$) => end(item)?.pipe(mergeMap(() => processed$)) ?? processed$),
        // It completes without a value when the session has ended: the session will deliver the
        // message again.
        tap({ complete: () => end(item) }),
      );
    const createQueue = (): MergeQueue<unknown, QueueItem<T>> => ({
      push: () => undefined,
      shift() {
        const item = take();
        if (item) running.add(item);
        return item;
      },
      close() {
        isUnsubscribed = true;
        putBack(running);
      },
    });
    // The next item need not wait for this write: many share a transaction.
    return mergeFromQueue(wake$.pipe(startWith(undefined)), { concurrency, createQueue, project }).pipe(mergeAll());
  });
}
