import { nanoid } from 'nanoid';
import { assertPositive } from '../../internal/assert.js';
import type { OutboxStore } from './outboxStore.js';

export interface MemoryOutboxOptions {
  /** Messages it takes. @default 10_000 */
  readonly maxMessages?: number;
  /** Bytes of frames it takes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
}

// The sender has its batches in memory itself: there is nothing to keep.
const nothing = (): void => undefined;

/** That of whoever wants no other. */
export const inMemory: OutboxStore = {
  isDurable: false,
  maxMessages: 10_000,
  maxBytes: 16_777_216,
  open: () => ({ pid: nanoid(22), epoch: 1, acked: 0, batches: [] }),
  append: nothing,
  trim: nothing,
  replace: nothing,
  remember: nothing,
  close: nothing,
};

/**
 * An outbox that ends with the page or process: what is not acked then is gone, and the next one is another sender. Each `open` begins afresh.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * const store = memoryOutbox({ maxMessages: 1_000 });
 * console.log(store.isDurable); // prints: false
 */
export function memoryOutbox(options: MemoryOutboxOptions = {}): OutboxStore {
  const { maxMessages = inMemory.maxMessages, maxBytes = inMemory.maxBytes } = options;
  assertPositive('memoryOutbox', { maxMessages, maxBytes });
  return { ...inMemory, maxMessages, maxBytes };
}
