import {
  defaultIfEmpty,
  from,
  identity,
  isObservable,
  map,
  Observable,
  of,
  take,
  throwError,
  type ObservableInput,
  type Subscription,
} from 'rxjs';

/** A value, or an Observable that emits it: synchronous results cost no tick. */
export type MaybeAsync<T> = T | Observable<T>;

/** The result of a function of the application, which may return a promise. */
export type MaybePromise<T> = MaybeAsync<T> | PromiseLike<T>;

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function';
}

/** Whether the value comes later: an Observable or a promise emits it. */
export function isLater<T>(input: MaybePromise<T>): input is Observable<T> | PromiseLike<T> {
  return isObservable(input) || isPromise(input);
}

/**
 * Whether a result of a function of the application emits its values: an Observable, a promise, an
 * iterable or a stream. A text, bytes and any other object are values themselves.
 */
export function isStream(result: unknown): result is ObservableInput<unknown> {
  if (typeof result !== 'object' || !result || ArrayBuffer.isView(result)) return false;
  return (
    isLater(result) ||
    Symbol.iterator in result ||
    Symbol.asyncIterator in result ||
    ((Symbol as { readonly observable?: symbol }).observable ?? '@@observable') in result ||
    'getReader' in result
  );
}

/** Emits the values of the result of a function; a value that is no stream is the only one. */
export function valuesOf<R>(result: ObservableInput<R> | R): Observable<R> {
  return isStream(result) ? from(result as ObservableInput<R>) : of(result);
}

/** Calls `next` with the first value, synchronously if it is available. */
export function whenReady<T>(input: MaybePromise<T>, next: (value: T) => void, error: (reason: unknown) => void): Subscription | undefined {
  if (isLater(input)) return single(input).subscribe({ next, error });
  next(input);
  return undefined;
}

// The functions below do without `from`, `defer`, `mergeMap` and `catchError`: these contain the
// conversions of all inputs, 1.5 KiB of RxJS in each client.
/* eslint-disable no-restricted-syntax -- `to` is subscribed itself, and a source emits once */

/** Emits the value and completes. An exception of `input` is delivered. */
export function asObservable<T>(input: () => MaybePromise<T>): Observable<T> {
  return new Observable((to) => single(input()).subscribe(to));
}

function single<T>(input: MaybePromise<T>): Observable<T> {
  if (isObservable(input)) return input.pipe(defaultIfEmpty(undefined as T), take(1));
  return new Observable((to) => {
    const emit = (value: T): void => {
      to.next(value);
      to.complete();
    };
    if (isPromise(input)) input.then(emit, (reason: unknown) => to.error(reason));
    else emit(input);
  });
}

/** Converts the value of a store, synchronously if it is available. */
export function converted<T, U>(input: MaybeAsync<T>, next: (value: T) => U): MaybeAsync<U> {
  return isObservable(input) ? input.pipe(map(next)) : next(input);
}

/** Returns the result of `next` for the value, synchronously if it is available. */
export function chain<T, U>(input: MaybePromise<T>, next: (value: T) => MaybeAsync<U>): MaybeAsync<U> {
  return isLater(input) ? then(single(input), next, raise) : next(input);
}

function raise(reason: unknown): never {
  throw reason;
}

function then<T, U>(source: Observable<T>, next: (value: T) => MaybeAsync<U>, failed: (reason: unknown) => MaybeAsync<U>): Observable<U> {
  return new Observable((to) => {
    const emit = (result: () => MaybeAsync<U>): void => to.add(asObservable(result).subscribe(to));
    return source.subscribe({ next: (value) => emit(() => next(value)), error: (reason: unknown) => emit(() => failed(reason)) });
  });
}

/**
 * Returns the result of `next` for the value, or of `failed` for an error, including one of `next`
 * if asynchronous. An exception of `input` counts as an error.
 */
export function attempt<T, U>(
  input: () => MaybePromise<T>,
  next: (value: T) => U,
  failed: (reason: unknown) => MaybeAsync<U>,
): MaybeAsync<U> {
  try {
    const answer = input();
    if (!isLater(answer)) return next(answer);
    return then(single(answer).pipe(map(next)), identity<U>, failed);
  } catch (reason) {
    return failed(reason);
  }
}

/* eslint-enable no-restricted-syntax */

/** Converts a value for `concatMap`: a synchronous value costs no Observable. */
export function asInput<T>(input: MaybePromise<T>): ObservableInput<T> {
  return isLater(input) ? single(input) : [input];
}

/** Returns the result of `work`. Delivers its exception, as `errorOf` converts it. */
export function delivered<T>(work: () => MaybeAsync<T>, errorOf: (reason: unknown) => unknown = identity): MaybeAsync<T> {
  try {
    return work();
  } catch (reason) {
    return throwError(() => errorOf(reason));
  }
}
