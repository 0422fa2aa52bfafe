import {
  catchError,
  concatMap,
  defaultIfEmpty,
  defer,
  from,
  isObservable,
  map,
  mergeMap,
  of,
  take,
  toArray,
  type Observable,
  type ObservableInput,
  type Subscription,
} from 'rxjs';

/** A value now, or one that an Observable emits later: no tick is waited where none is needed, and virtual time reaches the rest. */
export type Later<T> = T | Observable<T>;

/** Calls `next` with the value, at once where it is there already. What comes after the first one is left alone. */
export function whenReady<T>(later: Later<T>, next: (value: T) => void, error: (reason: unknown) => void): Subscription | undefined {
  if (isObservable(later)) return single(later).subscribe({ next, error });
  next(later);
  return undefined;
}

/** Emits the value, and completes. What throws instead of answering has failed, too. */
export function asObservable<T>(later: () => Later<T>): Observable<T> {
  return defer(() => single(later()));
}

function single<T>(later: Later<T>): Observable<T> {
  return isObservable(later) ? later.pipe(defaultIfEmpty(undefined as T), take(1)) : of(later);
}

/** What `next` makes of the value, at once where it is there already. */
export function chain<T, U>(later: Later<T>, next: (value: T) => Later<U>): Later<U> {
  return isObservable(later) ? single(later).pipe(mergeMap((value) => single(next(value)))) : next(later);
}

/** What `next` makes of the value, or `failed` of what went wrong, in `next` too. What throws instead of answering has failed. */
export function attempt<T, U>(later: () => Later<T>, next: (value: T) => U, failed: (reason: unknown) => Later<U>): Later<U> {
  try {
    const answer = later();
    if (!isObservable(answer)) return next(answer);
    return single(answer).pipe(
      map(next),
      catchError((reason: unknown) => single(failed(reason))),
    );
  } catch (reason) {
    return failed(reason);
  }
}

/** Takes one step for each item, each when the one before has answered; emits when all have. */
export function inTurn<T>(items: readonly T[], step: (item: T) => Later<unknown>): Observable<unknown> {
  return from(items).pipe(
    concatMap((item) => single(step(item))),
    toArray(),
  );
}

/** For `concatMap`: what is there already costs no Observable. */
export function asInput<T>(later: Later<T>): ObservableInput<T> {
  return isObservable(later) ? single(later) : [later];
}
