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

/** Where values wait for their turn. */
export interface Lobby<T, W> {
  /** Takes a value in. Returns it where it may start at once instead. */
  readonly enter: (value: T, isFree: boolean) => W | undefined;
  /** Takes out what is to start next. */
  readonly leave: () => W | undefined;
  /** Told when nothing will start any more. */
  readonly close: () => void;
}

export interface MergeInTurnOptions<T, W, O> {
  /** Inner streams that run at once. */
  readonly concurrency: number;
  /** Made for each subscription; `fail` ends the stream. */
  readonly lobby: (fail: (error: unknown) => void) => Lobby<T, W>;
  readonly project: (waiting: W, index: number) => O;
}

/**
 * A `mergeMap` that is told what starts next. An inner stream is torn down before the next starts; those that complete at once do not recurse.
 * To be called for each subscription.
 */
export function mergeInTurn<T, W, O extends ObservableInput<unknown>>(
  source: Observable<T>,
  { concurrency, lobby, project }: MergeInTurnOptions<T, W, O>,
): Observable<ObservedValueOf<O>> {
  const started = new Subject<W>();
  const { enter, leave, close } = lobby((error) => started.error(error));
  let active = 0;
  let isDone = false;
  let isAdvancing = false;

  const start = (waiting: W): void => {
    active++;
    started.next(waiting);
  };
  // A loop, not a recursion: inner streams that complete at once come back here.
  const advance = (): void => {
    if (isAdvancing) return;
    isAdvancing = true;
    while (active < concurrency && started.observed) {
      const next = leave();
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
  const arrive = (value: T): void => {
    const waiting = enter(value, active < concurrency);
    if (waiting) start(waiting);
    else advance();
  };
  const finish = (): void => {
    isDone = true;
    advance();
  };

  const results = started.pipe(mergeMap((waiting, index) => from(project(waiting, index)).pipe(finalize(end))));
  const arrivals = source.pipe(tap({ next: arrive, complete: finish }), ignoreElements());
  return merge(results, arrivals).pipe(finalize(close));
}
