import { filter, isObservable, Observable, Subject, type Observer, type Subscription } from 'rxjs';

/** Returns the observer that takes the place of the arguments of `subscribe`. */
export type ObserverGuard = (args: readonly unknown[]) => Partial<Observer<unknown>>;

type AnyObserver<T> = Partial<Observer<T>> | ((value: T) => void) | null | undefined;

/** An Observable with guarded subscribers, also those behind operators. */
export class GuardedObservable<T> extends Observable<T> {
  readonly #guard: ObserverGuard;

  constructor(guarded: Observable<T>, guard: ObserverGuard) {
    super((subscriber) => guarded.subscribe(subscriber));
    this.#guard = guard;
  }

  override subscribe(observer?: AnyObserver<T>): Subscription;
  override subscribe(...args: readonly unknown[]): Subscription {
    return super.subscribe(this.#guard(args));
  }

  override pipe(...operators: never): never {
    return guardResult(super.pipe(...(operators as [])), this.#guard) as never;
  }
}

/** The classes that operators return: others may have methods of their own. Made at first use. */
let plain: readonly unknown[] | undefined;

/** Returns the result of operators, with guarded subscribers if it is an Observable. */
export function guardResult(result: unknown, guard: ObserverGuard): unknown {
  plain ??= [Observable, new Subject().pipe(filter(Boolean)).constructor];
  return isObservable(result) && plain.includes(result.constructor) ? new GuardedObservable(result, guard) : result;
}
