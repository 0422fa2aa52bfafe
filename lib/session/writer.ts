import {
  asapScheduler,
  BehaviorSubject,
  concat,
  defer,
  EMPTY,
  finalize,
  merge,
  of,
  Subject,
  timer,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import type { Message } from '../message/types.js';

/** Messages in one frame at most: a quarter of the window. */
const MAX_BATCH = 256;
/** How long the other side may take to say goodbye, in ms. */
const CLOSE_TIMEOUT = 5_000;

interface WriterOptions {
  readonly greeting: (() => Message) | undefined;
  readonly onOpen: () => void;
  readonly scheduler: SchedulerLike;
}

/** All that goes to the peer: on each connection the greeting first, then whatever is sent in one microtask as one batch. */
export function createWriter({ greeting, onOpen, scheduler }: WriterOptions) {
  const batches$ = new Subject<readonly Message[]>();
  const online$ = new BehaviorSubject(false);
  let batch: Message[] = [];

  const flush = (): void => {
    const full = batch;
    batch = [];
    if (full.length > 0) batches$.next(full);
  };
  const open$ = defer(() => {
    batch = [];
    onOpen();
    online$.next(true);
    return EMPTY;
  });

  return {
    online$,
    /** For a link to subscribe to while it is open: that is what being online means. */
    toPeer$: concat(greeting ? defer(() => of([greeting()])) : EMPTY, merge(batches$, open$)).pipe(finalize(() => online$.next(false))),
    /** Into the next batch; lost when there is no link. */
    send: (message: Message): void => {
      if (batch.push(message) === 1) asapScheduler.schedule(flush);
      else if (batch.length >= MAX_BATCH) flush();
    },
    /** Ends what goes to the peer. Emits when the peer takes too long about its goodbye; at once when there is no link. */
    close$: defer((): Observable<unknown> => {
      const patience = online$.value ? CLOSE_TIMEOUT : 0;
      flush();
      batches$.complete();
      return timer(patience, scheduler);
    }),
  };
}
