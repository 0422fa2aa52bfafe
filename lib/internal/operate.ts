import { Observable, Subject, takeUntil, type Observer, type OperatorFunction, type Subscriber } from 'rxjs';

/**
 * Makes an operator, where built-in ones cannot be composed to it, or not to one as fast. `start` runs once for each subscription, so that its
 * variables are the state of that subscription; what it returns gets what the source emits, and must not throw. When the subscriber leaves, the
 * source is left, too, even in the middle of a synchronous run of values.
 */
export function operate<T, R>(start: (subscriber: Subscriber<R>) => Observer<T>): OperatorFunction<T, R> {
  return (source) => new Observable((subscriber) => follow(source, subscriber, start(subscriber)));
}

function follow<T>(source: Observable<T>, subscriber: Subscriber<unknown>, { next, error, complete }: Observer<T>): void {
  const left = new Subject<void>();
  subscriber.add(() => left.next());
  source.pipe(takeUntil(left)).subscribe({
    next,
    error,
    complete: () => {
      // A completed subscription is also torn down: there is nothing to notify.
      if (!subscriber.closed) complete();
    },
  });
}
