import { noop } from 'rxjs';
import { isPromise } from '../../internal/maybeAsync.js';

/**
 * Runs an effect of the application.
 * @throws {TypeError} If it returns a promise: its writes would
 * not be in the transaction.
 */
export function runEffect<Tx>(effect: (transaction: Tx) => unknown, transaction: Tx): void {
  const returned = effect(transaction);
  if (!isPromise(returned)) return;
  returned.then(noop, noop);
  throw new TypeError('an effect must be synchronous, but returned a promise');
}
