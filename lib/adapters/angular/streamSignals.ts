import { computed, inject, Injector, NgZone, type Signal } from '@angular/core';
import { toObservable, toSignal } from '@angular/core/rxjs-interop';
import { EMPTY, map, of, switchMap, type Observable } from 'rxjs';
import { inZone } from './inZone.js';

/** Returns a getter of the text. A function, such as an `input()`, may read signals. */
export function getterOf(text: string | (() => string | undefined)): () => string | undefined {
  return typeof text === 'function' ? text : () => text;
}

/**
 * Returns a function that follows a stream of the value that `read` returns: its latest emission as
 * a signal, which is `empty` if there is none. A plain value is read at once, and another one in an
 * effect, when the inputs of a component are set.
 */
export function createStreamSignals<S>(read: () => S | undefined, isPlain: boolean) {
  const [zone, injector] = [inject(NgZone), inject(Injector)];
  const values$ = isPlain ? of(read()) : toObservable(computed(read));

  return <T>(select: (value: S) => Observable<T>, empty: T): Signal<T> => {
    const follow = (from: S) =>
      select(from).pipe(
        inZone(zone),
        map((value) => ({ from, value })),
      );
    const latest = toSignal(values$.pipe(switchMap((from) => (from === undefined ? EMPTY : follow(from)))), { injector });
    // Until the effect has run, the latest emission is that of the former value.
    return computed(() => {
      const found = latest();
      return found && found.from === read() ? found.value : empty;
    });
  };
}
