import { defer, filter, finalize, map, startWith, take, type Observable } from 'rxjs';
import type { Message } from '../../message/types.js';
import type { QueueCore } from './queueCore.js';
import type { QueueItem } from './queueItem.js';

/** Emits the next message, and finishes it when the subscriber has received it. */
export function takeNext<T extends Message>({ wake$, take: shift, jobOf, finish }: QueueCore<T>): Observable<T> {
  const shiftLive = (): QueueItem<T> | undefined => {
    let item = shift();
    // The next session delivers the message again.
    for (; item && jobOf(item).held?.delivery.session.isOver(); item = shift()) finish(item);
    return item;
  };
  return defer(() => {
    let taken: QueueItem<T> | undefined;
    return wake$.pipe(
      startWith(undefined),
      map(() => (taken = shiftLive())),
      filter((item) => item !== undefined),
      take(1),
      map(({ message }) => message),
      // Not before the subscriber has the message: a crash in between repeats it, and does not lose
      // it.
      finalize(() => {
        if (!taken) return;
        jobOf(taken).held?.end();
        finish(taken);
      }),
    );
  });
}
