import { assertPositive, checkOptions } from '../../message/development.js';
import { asObservable } from '../../message/maybeAsync.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { MemoryOutboxOptions } from '../memoryOutbox.js';
import type { OutboxStore } from '../outboxStore.js';
import { storedOutbox } from '../log/storedOutbox.js';
import { assertName } from './lmdbDatabases.js';
import { lmdbLogs } from './lmdbLogs.js';

export interface LmdbOutboxOptions extends MemoryOutboxOptions {
  /** The folder of the database, which is created if it does not exist. */
  readonly path: string;
  /** The name of the outbox, which is one sender of several in a folder. @default 'outbox' */
  readonly name?: string;
}

/**
 * An outbox that outlives the process and a power failure: stored messages are sent after the next
 * start, in order. Needs the package `lmdb`.
 *
 * Writes that arrive during a flush share the next one. If two stores open the same outbox, in one
 * process or in two, the later one becomes its owner, and the other fails with `fenced`. Nothing in
 * it expires. The file grows as needed and never shrinks.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {TypeError} At call time, if the name is empty, too long or has a NUL.
 * @throws {StoreError} Delivered: `quota`, `fenced`, or `failed` with LMDB's error as its `cause`.
 * @example
 * import { lmdbOutbox } from 'rxwire/node';
 *
 * const outbox = lmdbOutbox({ path: '.tmp/outbox' });
 * outbox.faults$?.subscribe(({ fault }) => console.warn(fault));
 * console.log(outbox.isDurable); // prints: true
 */
export function lmdbOutbox(options: LmdbOutboxOptions): OutboxStore {
  checkOptions('lmdbOutbox', options);
  const { path, name = 'outbox', maxMessages = 10_000, maxBytes = 16_777_216 } = options;
  assertPositive('lmdbOutbox', { maxMessages, maxBytes });
  assertName('lmdbOutbox', name);
  const kinds = { outbox: { ttl: Infinity, max: Infinity, step: Infinity } };
  const openStore = lmdbLogs(path, kinds, steadyScheduler());
  const outbox = storedOutbox({ name: 'lmdb', log: `outbox ${name}`, maxMessages, maxBytes, openStore });
  return { ...outbox, open: (hello) => asObservable(() => outbox.open(hello)) };
}
