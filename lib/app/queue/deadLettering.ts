import { AsyncSubject, from } from 'rxjs';
import type { Message } from '../../message/types.js';
import type { ConsumeParts } from '../../session/consume/consumeOne.js';
import type { HandlerWork } from '../../session/consume/consumeOptions.js';
import type { QueueCore } from './queueCore.js';
import type { QueueItem } from './queueItem.js';

export interface DeadLetteringOptions<T extends Message> extends Pick<QueueCore<T>, 'jobOf' | 'finish' | 'putBack' | 'errors$'> {
  /** The running items of a processor, which are put back when it is unsubscribed. */
  readonly running: Set<QueueItem<T>>;
  /** Whether the processor is unsubscribed. */
  readonly isUnsubscribed: () => boolean;
}

/**
 * Returns a function that stores a dead letter so that unsubscribing the processor does not cancel
 * it. If it were cancelled, the letter might be stored, and the message would also be put back.
 */
export function deadLettering<T extends Message>(
  options: DeadLetteringOptions<T>,
): NonNullable<ConsumeParts<T, unknown, unknown>['protect']> {
  const { running, isUnsubscribed, jobOf, finish, putBack, errors$ } = options;
  return (message, outcome, store): HandlerWork<unknown> => {
    const kept = store();
    const item = [...running].find((one) => one.message === message);
    if (!kept || !item) return kept;

    running.delete(item);
    const kept$ = new AsyncSubject<unknown>();
    // Runs before the processor continues with the result, if it is still subscribed.
    kept$.subscribe({
      error(error) {
        if (!isUnsubscribed()) return void running.add(item);
        errors$.next(error);
        putBack([item]);
      },
      complete() {
        if (!isUnsubscribed()) return void running.add(item);
        jobOf(item).held?.end(outcome);
        finish(item);
      },
    });
    from(kept).subscribe(kept$);
    return kept$;
  };
}
