import { computed } from '@angular/core';
import { toObservable } from '@angular/core/rxjs-interop';
import { of, type Observable } from 'rxjs';

/** A value, or a function that returns it and may read signals: an `input()`, a `computed()`. */
export type ValueOrSignal<T extends string> = T | (() => T | undefined);

/** Returns a function that returns the value now. */
export function reading<T extends string>(value: ValueOrSignal<T>): () => T | undefined {
  return typeof value === 'function' ? value : () => value;
}

/** Emits what `read` returns: a plain value at once, one that may change in an effect, when the inputs of a component are set. */
export function valuesOf<T>(read: () => T, isPlain: boolean): Observable<T> {
  return isPlain ? of(read()) : toObservable(computed(read));
}
