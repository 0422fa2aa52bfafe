import { Observable, type MonoTypeOperatorFunction } from 'rxjs';

/** What a subscriber wants: patterns of types. */
export type Wanted = Observable<readonly (string | RegExp)[]>;

let current: Wanted | undefined;

/** Lets the source see, while it is being subscribed to, what is wanted of it: see {@link wanted}. */
export function wanting<T>(patterns$: Wanted): MonoTypeOperatorFunction<T> {
  return (source) =>
    // eslint-disable-next-line no-restricted-syntax -- the very subscriber goes on to the source: nothing is between them that could leak or lose
    new Observable((subscriber) => {
      const outer = current;
      current = patterns$;
      try {
        return source.subscribe(subscriber);
      } finally {
        current = outer;
      }
    });
}

/** What who is subscribing just now wants, as far as it has said so. It works through any operators that subscribe in the same moment. */
export function wanted(): Wanted | undefined {
  return current;
}
