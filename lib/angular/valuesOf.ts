import { computed } from '@angular/core';
import { toObservable } from '@angular/core/rxjs-interop';
import { of, type Observable } from 'rxjs';

/**
 * Returns a function that returns the text now. A function, such as an `input()`, may read signals.
 */
export function reading(text: string | (() => string | undefined)): () => string | undefined {
  return typeof text === 'function' ? text : () => text;
}

/**
 * Emits what `read` returns: a plain value at once, one that may change in an effect, when the
 * inputs of a component are set.
 */
export function valuesOf<T>(read: () => T, isPlain: boolean): Observable<T> {
  return isPlain ? of(read()) : toObservable(computed(read));
}
