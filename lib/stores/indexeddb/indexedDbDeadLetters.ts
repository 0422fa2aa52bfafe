import { noop } from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import type { DeadLetterStore } from '../deadLetterStore.js';
import { storedLetters } from '../log/storedLetters.js';
import { indexedDbStore } from './indexedDbStore.js';

export interface IndexedDbDeadLettersOptions {
  /** The maximum number of letters. A full store evicts the oldest. @default 10_000 */
  readonly maxSize?: number;
}

/** Dead letters in a browser. All tabs of a site share them. */
export interface IndexedDbDeadLetters extends DeadLetterStore {
  /** Closes the database, which is opened again when it is needed. */
  readonly close: () => void;
}

/**
 * Stores dead letters in IndexedDB, in a database `rxwire.letters:<name>`. They outlive the page.
 * Unreadable letters are skipped. Needs the package `idb`.
 *
 * @param name Unique for each collection of this site.
 * @throws {RangeError} At call time, if `maxSize` is not positive.
 * @throws {StoreError} Delivered: `quota` if there is no space, `failed`.
 * @example
 * import { queue } from 'rxwire';
 * import { indexedDbDeadLetters, indexedDbQueues } from 'rxwire/indexeddb';
 *
 * const letters = indexedDbDeadLetters('orders');
 * const orders = queue('orders', { store: indexedDbQueues() });
 * const processed$ = orders.process(({ payload }) => console.log(payload), {
 *   deadLetter: letters.add,
 * });
 */
export function indexedDbDeadLetters(name: string, options: IndexedDbDeadLettersOptions = {}): IndexedDbDeadLetters {
  checkOptions('indexedDbDeadLetters', options);
  const { maxSize = 10_000 } = options;
  assertPositive('indexedDbDeadLetters', { maxSize });
  const store = indexedDbStore(`rxwire.letters:${name}`);
  return { ...storedLetters(store, maxSize, noop), close: store.close };
}
