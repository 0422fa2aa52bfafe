import { asapScheduler, asyncScheduler, concat, defer, EMPTY, merge, of, Subject, takeUntil, timer, type Observable } from 'rxjs';
import { completionOf } from '../../internal/completionOf.js';
import type { Message } from '../../message/types.js';
import type { EnvelopeOptions } from './envelopeOptions.js';

/** Messages in one batch at most: a quarter of the window. */
const MAX_BATCH = 256;
/** How long the other side may take to say goodbye, in ms. */
const CLOSE_TIMEOUT = 5_000;

/** All that goes to the peer: on each connection the greeting first, then whatever is sent in one microtask as one batch. */
export function createWriter({ greeting, scheduler = asyncScheduler }: EnvelopeOptions) {
  const batches$ = new Subject<readonly Message[]>();
  let batch: Message[] = [];

  const flush = (): void => {
    const full = batch;
    batch = [];
    if (full.length > 0) batches$.next(full);
  };
  return {
    /** For a link to subscribe to while it is open. What it shall do as long is `work$`. */
    toPeer: (work$: Observable<never>): Observable<readonly Message[]> =>
      // Greeted even when there is only a goodbye left to say: it tells whose.
      concat(greeting ? of([greeting()]) : EMPTY, merge(batches$, work$).pipe(takeUntil(completionOf(batches$)))),
    /** Into the next batch; lost when there is no link. */
    send: (message: Message): void => {
      if (batch.push(message) === 1) asapScheduler.schedule(flush);
      else if (batch.length >= MAX_BATCH) flush();
    },
    /** Ends what goes to the peer. Emits when the peer takes too long about its goodbye; at once when there is no link. */
    close$: defer(() => {
      const patience = batches$.observed ? CLOSE_TIMEOUT : 0;
      flush();
      batches$.complete();
      return timer(patience, scheduler);
    }),
  };
}
