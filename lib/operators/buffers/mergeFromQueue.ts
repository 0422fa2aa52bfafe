import {
  finalize,
  from,
  ignoreElements,
  merge,
  mergeMap,
  Subject,
  tap,
  type Observable,
  type ObservableInput,
  type ObservedValueOf,
} from 'rxjs';

/** The queue of values that wait to start. */
export interface MergeQueue<T, W> {
  /** Adds a value; or returns it, if it may start at once. */
  readonly push: (value: T, isFree: boolean) => W | undefined;
  readonly shift: () => W | undefined;
  readonly close: () => void;
}

interface MergeFromQueueOptions<T, W, O> {
  readonly concurrency: number;
  /** Creates the queue of a subscription; `fail` ends the stream. */
  readonly createQueue: (fail: (error: unknown) => void) => MergeQueue<T, W>;
  readonly project: (waiting: W, index: number) => O;
}

/**
 * A `mergeMap` whose order of starts is determined by a queue. An inner stream is torn down before
 * the next one starts. Synchronous inner streams do not recurse. Call it for each subscription.
 */
export function mergeFromQueue<T, W, O extends ObservableInput<unknown>>(
  source: Observable<T>,
  { concurrency, createQueue, project }: MergeFromQueueOptions<T, W, O>,
): Observable<ObservedValueOf<O>> {
  const started = new Subject<W>();
  const { push, shift, close } = createQueue((error) => started.error(error));
  let active = 0;
  let isDone = false;
  let isAdvancing = false;

  const start = (waiting: W): void => {
    active++;
    started.next(waiting);
  };
  // A loop, because inner streams that complete synchronously call it again.
  const advance = (): void => {
    if (isAdvancing) return;
    isAdvancing = true;
    while (active < concurrency && started.observed) {
      const next = shift();
      if (!next) break;
      start(next);
    }
    isAdvancing = false;
    if (isDone && active === 0) started.complete();
  };
  const end = (): void => {
    active--;
    advance();
  };
  const onValue = (value: T): void => {
    const waiting = push(value, active < concurrency);
    if (waiting) start(waiting);
    else advance();
  };
  const onComplete = (): void => {
    isDone = true;
    advance();
  };

  const results = started.pipe(mergeMap((waiting, index) => from(project(waiting, index)).pipe(finalize(end))));
  const arrivals = source.pipe(tap({ next: onValue, complete: onComplete }), ignoreElements());
  return merge(results, arrivals).pipe(finalize(close));
}
