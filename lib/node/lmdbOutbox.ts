import { asyncScheduler } from 'rxjs';
import { assertPositive } from '../internal/assert.js';
import type { OutboxStore } from '../session/store/outboxStore.js';
import { assertName } from './databases.js';
import { createOutbox } from './outbox.js';

export interface LmdbOutboxOptions {
  /** The folder of the database; it is made where it is missing. */
  readonly path: string;
  /** Which outbox: one folder can hold many, and a name is one sender. @default 'outbox' */
  readonly name?: string;
  /** Messages it takes. @default 10_000 */
  readonly maxMessages?: number;
  /** Bytes of frames it takes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
}

/**
 * An outbox that outlives the process, and a power failure: what was stored is sent after the next start, in order. Needs the package `lmdb`.
 *
 * What is given to it while it writes shares the next flush to the disk. Two that have opened the same outbox, be it in two processes, are kept
 * apart: the later one is its owner, and the other fails with `fenced`. Nothing in it expires. The file grows as it must and never shrinks.
 *
 * @throws {RangeError} At call time, if a limit is not positive. @throws {TypeError} If the name is empty, too long or has a NUL.
 * @throws {StoreError} Delivered: `quota` when it, or the disk, is full, `fenced`, `failed` with LMDB's error as its `cause`.
 * @example
 * const outbox = lmdbOutbox({ path: '.tmp/outbox' });
 * outbox.faults$?.subscribe(({ fault }) => console.warn(fault));
 * console.log(outbox.isDurable); // prints: true
 */
export function lmdbOutbox(options: LmdbOutboxOptions): OutboxStore {
  const { path, name = 'outbox', maxMessages = 10_000, maxBytes = 16_777_216 } = options;
  assertPositive('lmdbOutbox', { maxMessages, maxBytes });
  assertName('lmdbOutbox', name);
  return createOutbox(path, { name, maxMessages, maxBytes, ttl: Infinity, maxOutboxes: Infinity, scheduler: asyncScheduler });
}
