import { noop } from 'rxjs';

/**
 * Returns the same promise. A rejection that is not caught does not end the process.
 *
 * @param onUnhandled Called with the error of a rejection that no caller awaits.
 */
export function reportUnhandled<T>(promise: Promise<T>, onUnhandled: (error: unknown) => void): Promise<T> {
  let isAwaited = false;
  const then: typeof promise.then = (...handlers) => {
    isAwaited = true;
    return Promise.prototype.then.apply(promise, handlers) as never;
  };
  const onRejected = (error: unknown): void => {
    if (!isAwaited) onUnhandled(error);
  };
  // An `await` of a value calls `then` a microtask later, hence the second step.
  promise.catch((error: unknown) => Promise.resolve(error).then(onRejected)).catch(noop);
  // Without another constructor, an `await` would not call `then`.
  return Object.assign(promise, { constructor: undefined, then });
}
