import { Observable, Subject, takeUntil, type Observer, type OperatorFunction, type Subscriber } from 'rxjs';
import { withDestination } from './deliveryContext.js';

/**
 * Creates an operator that cannot be composed of built-in ones, or would be slower. `start` runs
 * once for each subscription, so that its variables are the state of the subscription. It returns
 * the observer of the source, which must not throw. Unsubscribing also unsubscribes from the
 * source, even during a synchronous run of values.
 */
export function operate<T, R>(start: (subscriber: Subscriber<R>) => Observer<T>): OperatorFunction<T, R> {
  return (source) => new Observable((subscriber) => follow(source, subscriber, start(subscriber)));
}

function follow<T>(source: Observable<T>, subscriber: Subscriber<unknown>, { next, error, complete }: Observer<T>): void {
  const left = new Subject<void>();
  subscriber.add(() => left.next());
  source.pipe(takeUntil(left), withDestination(subscriber)).subscribe({
    next,
    error,
    complete: () => {
      // A completed subscription is also torn down: there is nothing to notify.
      if (!subscriber.closed) complete();
    },
  });
}
