import { catchError, defer, map, Subject, throwError, type Observable } from 'rxjs';
import { StoreError } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import { durable } from '../session/durability.js';
import type { HelloNumber, OpenedOutbox, OutboxStore } from '../session/store/outboxStore.js';
import { asOutboxOwner } from '../session/store/asOutboxOwner.js';
import { openedOf } from '../session/store/storedHead.js';
import { assertName, type Databases } from './lmdbDatabases.js';
import { openLmdbEnvironment, type LmdbEnvironment } from './lmdbEnvironment.js';
import { asLmdbStoreError } from './lmdbStoreError.js';
import { createOutboxOwner, type OutboxOwner, type OutboxOwnerOptions } from './outboxOwner.js';
import { createStoreClock, type StoreClock } from './storeClock.js';

export interface LmdbOutboxOptions {
  /** The folder of the database, which is created if it does not exist. */
  readonly path: string;
  /**
   * The name of the outbox. One folder can contain many; each name is one sender.
   * @default 'outbox'
   */
  readonly name?: string;
  /** The maximum number of messages. @default 10_000 */
  readonly maxMessages?: number;
  /** The maximum size of its batches in bytes. @default 16_777_216: 16 MiB */
  readonly maxBytes?: number;
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
 * @throws {TypeError} If the name is
 *   empty, too long or has a NUL.
 * @throws {StoreError} Delivered: `quota` if the outbox or the disk is full, `fenced`, `failed`
 *   with LMDB's error as its `cause`.
 * @example
 * import { lmdbOutbox } from 'rxwire/node';
 *
 * const outbox = lmdbOutbox({ path: '.tmp/outbox' });
 * outbox.faults$?.subscribe(({ fault }) => console.warn(fault));
 * console.log(outbox.isDurable); // prints: true
 */
export function lmdbOutbox(options: LmdbOutboxOptions): OutboxStore {
  const { path, name = 'outbox', maxMessages = 10_000, maxBytes = 16_777_216 } = options;
  assertPositive('lmdbOutbox', { maxMessages, maxBytes });
  assertName('lmdbOutbox', name);
  const scheduler = steadyScheduler();
  const clock = ({ counters }: Databases): StoreClock => createStoreClock(scheduler, counters);
  return createLmdbOutbox(path, { name, maxMessages, maxBytes, ttl: Infinity, maxOutboxes: Infinity, clock });
}

/** Creates an outbox in the environment at `path`, which stays open while the outbox is open. */
export function createLmdbOutbox(path: string, options: OutboxOwnerOptions): OutboxStore {
  const { maxMessages, maxBytes } = options;
  const faults$ = new Subject<StoreError>();
  let current: { readonly environment: LmdbEnvironment; readonly owner: OutboxOwner } | undefined;

  const close = (): void => {
    current?.environment.openOutboxes.release(current.owner);
    current?.environment.release();
    current = undefined;
  };
  const open = (hello?: HelloNumber): Observable<OpenedOutbox> => {
    close();
    const environment = openLmdbEnvironment(path);
    const owner = createOutboxOwner(environment, options, (fault) => faults$.next(new StoreError('lmdb', fault)));
    current = { environment, owner };
    environment.openOutboxes.use(owner, options.name);
    return owner.takeOwnership(hello).pipe(
      map(({ head, batches, corrupt }) => {
        for (let count = 0; count < corrupt; count++) faults$.next(new StoreError('lmdb', 'corrupt'));
        return openedOf(head, batches);
      }),
    );
  };

  return {
    isDurable: true,
    durability: durable,
    maxMessages,
    maxBytes,
    faults$,
    open: (hello) => defer(() => open(hello)).pipe(catchError((reason: unknown) => throwError(() => asLmdbStoreError(reason, path)))),
    write: asOutboxOwner('lmdb', () => current?.owner, faults$),
    close,
  };
}
