import { defaultIfEmpty, defer, isObservable, mergeMap, of, take, type Observable, type Subscription } from 'rxjs';

/** A value now, or one that an Observable emits later: no tick is waited where none is needed, and virtual time reaches the rest. */
export type Later<T> = T | Observable<T>;

/** Calls `next` with the value, at once where it is there already. What comes after the first one is left alone. */
export function whenReady<T>(later: Later<T>, next: (value: T) => void, error: (reason: unknown) => void): Subscription | undefined {
  if (isObservable(later)) return later.pipe(defaultIfEmpty(undefined as T), take(1)).subscribe({ next, error });
  next(later);
  return undefined;
}

/** Emits the value, and completes. What throws instead of answering has failed, too. */
export function asObservable<T>(later: () => Later<T>): Observable<T> {
  return defer(() => {
    const answer = later();
    return isObservable(answer) ? answer.pipe(defaultIfEmpty(undefined as T), take(1)) : of(answer);
  });
}

/** Goes on with a value when it is there: at once, where it is. */
export function chain<T, R>(later: Later<T>, next: (value: T) => Later<R>): Later<R> {
  if (!isObservable(later)) return next(later);
  return later.pipe(
    take(1),
    mergeMap((value) => asObservable(() => next(value))),
  );
}
