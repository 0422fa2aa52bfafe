import { defaultIfEmpty, from, isObservable, Subscription, take, type Observable, type ObservableInput, type Observer } from 'rxjs';
import { OverflowError } from '../../errors.js';
import { createRing } from '../../internal/ring.js';
import type { Message } from '../../message/types.js';
import { claim, type Claim } from '../../session/receive/delivery.js';
import { MessageContext } from './middlewareContext.js';
import type { Middleware, MiddlewareResult, UseOptions } from './useOptions.js';

/** A message, and its delivery if it was delayed. */
export interface PendingMessage {
  readonly message: Message;
  readonly held: Claim | undefined;
}

interface RunInOrderOptions {
  readonly middleware: Middleware;
  readonly maxWaiting: NonNullable<UseOptions['maxWaiting']>;
  readonly deliver: (pending: PendingMessage, result: MiddlewareResult) => void;
  readonly fail: (pending: PendingMessage, error: unknown) => void;
  /** Called when the last message is done, after the source has completed. */
  readonly onEnd: () => void;
}

/** Calls a middleware for one message at a time, in order. */
export function runInOrder({ middleware, maxWaiting, deliver, fail, onEnd }: RunInOrderOptions) {
  const waiting = createRing<PendingMessage>();
  const subscriptions = new Subscription();
  /** True while a middleware runs, until all waiting messages are done. */
  let isBusy = false;
  let isComplete = false;

  /** Returns whether the message is done. If not, the waiting messages are handled when it is. */
  const begin = (pending: PendingMessage): boolean => {
    if (pending.held?.delivery.session.isOver()) return true;
    let result: ReturnType<Middleware>;
    try {
      result = middleware(pending.message, new MessageContext(pending.message));
      // `from` throws for values that it cannot convert.
      if (isAsync(result)) result = from(result);
    } catch (error) {
      fail(pending, error);
      return true;
    }
    if (isObservable(result)) return wait(result, { ...pending, held: pending.held ?? claim(pending.message) });
    deliver(pending, result);
    return true;
  };
  const wait = (work$: Observable<MiddlewareResult>, pending: PendingMessage): boolean => {
    isBusy = true;
    const next = (result: MiddlewareResult): void => deliver(pending, result);
    const error = (thrown: unknown): void => fail(pending, thrown);
    return subscribeToResult(subscriptions, work$, { next, error, complete: drain });
  };
  const drain = (): void => {
    for (let pending = waiting.shift(); pending && !subscriptions.closed; pending = waiting.shift()) if (!begin(pending)) return;
    isBusy = false;
    if (isComplete) onEnd();
  };

  return {
    /** Cancels the running middleware. */
    subscriptions,
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

/**
 * Subscribes to the single result. Returns whether it completed synchronously; if not, `complete`
 * is called later.
 */
function subscribeToResult(
  subscriptions: Subscription,
  work$: Observable<MiddlewareResult>,
  observer: Observer<MiddlewareResult>,
): boolean {
  let hasReturned = false;
  let isDone = false;
  const complete = (): void => {
    isDone = true;
    if (hasReturned) observer.complete();
  };
  const error = (thrown: unknown): void => {
    observer.error(thrown);
    complete();
  };
  subscriptions.add(work$.pipe(take(1), defaultIfEmpty(null)).subscribe({ next: observer.next, error, complete }));
  hasReturned = true;
  return isDone;
}

/**
 * Returns whether the result is asynchronous. A message has a type; an ObservableInput has none.
 */
function isAsync(result: ReturnType<Middleware>): result is ObservableInput<MiddlewareResult> {
  return typeof result === 'object' && !!result && !('type' in result);
}
