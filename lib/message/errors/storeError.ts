import { RxwireError } from './rxwireError.js';

/** The kinds of store failures. */
export type StoreFault = 'quota' | 'fenced' | 'evicted' | 'corrupt' | 'failed' | 'unopened';

/** A store failed: it is full, was deleted, did not open, has another owner or a damaged record. */
export class StoreError extends RxwireError {
  declare readonly store: string;
  declare readonly fault: StoreFault;

  /**
   * @param store The store: `indexeddb`, `lmdb`, `nats`, `postgres`, `web-storage`, or `web-locks`,
   *   which grants it to one tab.
   */
  constructor(store: string, fault: StoreFault, cause?: unknown) {
    super('ERR_STORE', { store, fault }, cause);
  }
}
