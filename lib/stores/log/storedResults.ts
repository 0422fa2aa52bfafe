import { converted } from '../../message/maybeAsync.js';
import type { ResultStore } from '../../operators/buffers/resultStore.js';
import { HEAD_ONLY, type ReadableStore } from '../store.js';

/**
 * The results of a store. Each has a log, without entries: its head is an array with the result.
 *
 * @param store The parts of a store. Its `transact` may join a running transaction.
 */
export function storedResults(store: Pick<ReadableStore, 'read' | 'transact'>): ResultStore {
  const logOf = (key: string): string => `result ${key}`;
  return {
    get: (key) => converted(store.read(logOf(key), HEAD_ONLY), ({ head }): unknown => (Array.isArray(head) ? head[0] : undefined)),
    put: (key, result) =>
      converted(
        store.transact(logOf(key), (transaction) => transaction.change(logOf(key), { head: [result] })),
        () => undefined,
      ),
  };
}
