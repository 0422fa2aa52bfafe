import { nanoid } from 'nanoid';
import { assertPositive, checkOptions } from '../message/development.js';
import { EMPTY_OUTBOX } from '../core/storedOutgoing.js';
import type { OpenedOutbox, OutboxHead, OutboxStore } from './outboxStore.js';

export interface MemoryOutboxOptions {
  /** The maximum number of messages. @default 10_000 */
  readonly maxMessages?: number;
  /** The maximum size of its batches in bytes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
}

export const newHead = (): OutboxHead & Pick<OpenedOutbox, 'pid' | 'epoch'> => ({ ...EMPTY_OUTBOX, pid: nanoid(22), epoch: 1 });

// The sender itself keeps its batches in memory: this store has nothing to keep.
const nothing = (): void => undefined;

/** The default outbox. */
export const inMemory: OutboxStore = {
  isDurable: false,
  maxMessages: 10_000,
  maxBytes: 16_777_216,
  open: () => ({ ...newHead(), batches: [] }),
  write: nothing,
  close: nothing,
};

/**
 * Creates an outbox in memory, which ends with the page or process: unacked messages are then lost,
 * and the next outbox is another sender. Each `open` starts empty.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * import { memoryOutbox } from 'rxwire';
 *
 * const store = memoryOutbox({ maxMessages: 1_000 });
 * console.log(store.isDurable); // prints: false
 */
export function memoryOutbox(options: MemoryOutboxOptions = {}): OutboxStore {
  checkOptions('memoryOutbox', options);
  const { maxMessages = inMemory.maxMessages, maxBytes = inMemory.maxBytes } = options;
  assertPositive('memoryOutbox', { maxMessages, maxBytes });
  return { ...inMemory, maxMessages, maxBytes };
}
