import { defaultIfEmpty, from, isObservable, Subscription, take, type Observable, type ObservableInput, type Observer } from 'rxjs';
import { OverflowError } from '../../errors.js';
import { createRing } from '../../internal/ring.js';
import type { Message } from '../../message/types.js';
import { claim, type Claim } from '../../session/receive/delivery.js';
import type { Middleware, MiddlewareResult, UseOptions } from './useOptions.js';

/** A message, and what its session wants to hear of it, if it has been kept. */
export interface Kept {
  readonly message: Message;
  readonly held: Claim | undefined;
}

interface Line {
  readonly middleware: Middleware;
  readonly maxWaiting: NonNullable<UseOptions['maxWaiting']>;
  readonly deliver: (kept: Kept, result: MiddlewareResult) => void;
  readonly fail: (kept: Kept, error: unknown) => void;
  /** Told when the last message is through, after the source has completed. */
  readonly onEnd: () => void;
}

/** Calls a middleware for one message after the other: none before those that came earlier are through. */
export function inOrder({ middleware, maxWaiting, deliver, fail, onEnd }: Line) {
  const waiting = createRing<Kept>();
  const works = new Subscription();
  /** While one is at work, and until all that came meanwhile are through. */
  let isBusy = false;
  let isComplete = false;

  /** Answers whether it is through with the message. If not, it goes on with the others when it is. */
  const begin = (kept: Kept): boolean => {
    if (kept.held?.isOver()) return true;
    let result: ReturnType<Middleware>;
    try {
      result = middleware(kept.message);
      // What cannot be subscribed to fails here.
      if (isWork(result)) result = from(result);
    } catch (error) {
      fail(kept, error);
      return true;
    }
    if (isObservable(result)) return wait(result, { ...kept, held: kept.held ?? claim(kept.message) });
    deliver(kept, result);
    return true;
  };
  const wait = (work$: Observable<MiddlewareResult>, kept: Kept): boolean => {
    isBusy = true;
    const next = (result: MiddlewareResult): void => deliver(kept, result);
    const error = (thrown: unknown): void => fail(kept, thrown);
    return isDoneAtOnce(works, work$, { next, error, complete: drain });
  };
  const drain = (): void => {
    for (let kept = waiting.shift(); kept && !works.closed; kept = waiting.shift()) if (!begin(kept)) return;
    isBusy = false;
    if (isComplete) onEnd();
  };

  return {
    /** Ends what is at work. */
    works,
    next: (message: Message): void => {
      if (!isBusy) {
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- `begin` changes it
        if (begin({ message, held: undefined }) && isBusy) drain();
      } else if (waiting.size < maxWaiting) waiting.push({ message, held: claim(message) });
      else fail({ message, held: undefined }, new OverflowError('use', maxWaiting));
    },
    complete: (): void => {
      isComplete = true;
      if (!isBusy) onEnd();
    },
  };
}

/** Gets the one result. Answers whether that was all; if not, `complete` is told when it is. */
function isDoneAtOnce(works: Subscription, work$: Observable<MiddlewareResult>, observer: Observer<MiddlewareResult>): boolean {
  let isLate = false;
  let isThrough = false;
  const complete = (): void => {
    isThrough = true;
    if (isLate) observer.complete();
  };
  const error = (thrown: unknown): void => {
    observer.error(thrown);
    complete();
  };
  works.add(work$.pipe(take(1), defaultIfEmpty(null)).subscribe({ next: observer.next, error, complete }));
  isLate = true;
  return isThrough;
}

/** Whether it is to be waited for. A message has a type, what can be subscribed to has none. */
function isWork(result: ReturnType<Middleware>): result is ObservableInput<MiddlewareResult> {
  return typeof result === 'object' && !!result && !('type' in result);
}
