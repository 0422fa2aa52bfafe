import {
  asyncScheduler,
  defer,
  finalize,
  from,
  ignoreElements,
  map,
  mergeMap,
  of,
  startWith,
  Subject,
  takeUntil,
  throwError,
  type Observable,
  type ObservableInput,
} from 'rxjs';
import { OverflowError, PoolClosedError, PoolTimeoutError } from '../../errors.js';
import { after } from '../../internal/after.js';
import { assertNotNegative, assertPositive, assertWhole } from '../../internal/assert.js';
import { completionOf } from '../../internal/completionOf.js';
import type { Wire } from '../wire.js';
import { createLending } from './lending.js';
import type { Member, Members } from './members.js';
import type { Lease, PoolOptions, PoolState } from './poolOptions.js';
import { createReopening } from './reopening.js';
import { createWaitingRoom } from './waitingRoom.js';

/** Wires that are shared by turns. */
export interface Pool<W extends Wire = Wire> {
  /**
   * Emits a wire that is connected, and completes: at once, where one is free, or when one is. It is yours until you release it. Who unsubscribes
   * before does not wait any more.
   *
   * @throws {PoolTimeoutError} Delivered, when none is free in time.
   * @throws {OverflowError} Delivered, when too many wait.
   * @throws {PoolClosedError} Delivered, when the pool is destroyed.
   */
  readonly acquire: () => Observable<Lease<W>>;
  /** Acquires a wire for some work, and releases it when that has ended, in whatever way. Fails as `acquire` does, or as the work does. */
  readonly use: <T>(work: (wire: W) => ObservableInput<T>) => Observable<T>;
  /** How it is: now, and at each change. Completes when the pool is destroyed, and all is closed. */
  readonly state$: Observable<PoolState>;
  /** Why wires have ended, or could not be opened; as it happens. */
  readonly errors$: Observable<unknown>;
  /**
   * Gives out nothing more, fails all who wait, and closes the wires, each when it is released: what they have to send is sent. What is returned
   * completes when that is done, or `drainTimeout` has passed; it happens without being subscribed to.
   */
  readonly destroy: () => Observable<never>;
}

/**
 * Keeps some wires open, and lends each to one at a time. Wires reconnect by themselves; one that has ended for good is replaced.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * const wires = pool({ open: () => connect({ link: webSocket('ws://127.0.0.1:4870/wire') }), min: 2, max: 10, acquireTimeout: 5_000 });
 * const job = createMessage('execution.start', { executionId: 'e1', sandboxId: 's1', data: '6 * 7' });
 * wires.use((wire) => wire.send(job)).subscribe(({ status }) => console.log(status)); // prints: acked
 */
export function pool<W extends Wire>(options: PoolOptions<W>): Pool<W> {
  const { min = 1, max = 10, maxWaiting = 1_000, acquireTimeout, idleTimeout, drainTimeout, initialInterval, maxInterval } = options;
  assertWhole('pool', { max, maxWaiting });
  assertPositive('pool', { acquireTimeout, idleTimeout, initialInterval, maxInterval });
  assertNotNegative('pool', { drainTimeout });
  if (!(Number.isInteger(min) && min >= 0 && min <= max)) {
    throw new RangeError(`pool: "min" must be a whole number from 0 to ${max}, which is "max", got ${min}`);
  }

  const { lending, waiting, fill, destroy, changes$, errors$, isDestroyed } = createHouse(options);
  const { members } = lending;
  const snapshot = (): PoolState => ({
    size: members.all.size,
    idle: members.idle.length,
    leased: members.count(isLeased),
    waiting: waiting.size(),
    isDestroyed: isDestroyed(),
  });
  const acquire = (): Observable<Lease<W>> =>
    defer(() => {
      if (isDestroyed()) return throwError(() => new PoolClosedError());
      const free = waiting.size() === 0 && lending.take();
      if (free) return of(free);
      if (waiting.size() >= maxWaiting) return throwError(() => new OverflowError('those who wait for a wire', maxWaiting));
      return waiting.enter;
    });
  fill();
  return {
    ...{ acquire, destroy },
    use: (work) => acquire().pipe(mergeMap(({ wire, release }) => defer(() => from(work(wire))).pipe(finalize(release)))),
    state$: defer(() => changes$.pipe(startWith(undefined), map(snapshot))),
    errors$: errors$.asObservable(),
  };
}

/** All that a pool is made of. */
function createHouse<W extends Wire>(options: PoolOptions<W>) {
  const { open, min = 1, max = 10, acquireTimeout = 10_000, idleTimeout = 60_000, drainTimeout = 10_000 } = options;
  const { scheduler = asyncScheduler } = options;
  const changes$ = new Subject<undefined>();
  const errors$ = new Subject<unknown>();
  let isDestroyed = false;
  let lastError: unknown;

  const onChange = (): void => {
    changes$.next(undefined);
    fill();
    if (isDestroyed && members.all.size === 0) for (const subject of [changes$, errors$]) subject.complete();
  };
  const fill = (): void => {
    while (!isDestroyed && !reopening.isWaiting() && isShort(members, waiting.size(), { min, max })) members.add();
  };
  const onTimeout = (): Error => new PoolTimeoutError(acquireTimeout, members.all.size, members.count(isLeased), lastError);
  const onFailed = (error: unknown): void => {
    lastError = error;
    if (!isDestroyed) reopening.failed();
    if (error !== undefined) errors$.next(error);
  };
  const waiting = createWaitingRoom<Lease<W>>({ timeout: acquireTimeout, scheduler, onTimeout, onChange });
  const reopening = createReopening({ ...options, onReady: fill });
  const lending = createLending<W>({ open, min, idleTimeout, scheduler, waiting, onWorked: reopening.worked, onFailed, onChange });
  const { members } = lending;

  const close = (): void => {
    isDestroyed = true;
    reopening.stop();
    const late$ = after(drainTimeout, scheduler).pipe(takeUntil(completionOf(changes$)));
    late$.subscribe(() => [...members.all].forEach(({ wire }) => wire.unsubscribe()));
    waiting.fail(new PoolClosedError());
    lending.close();
    onChange();
  };
  const destroy = (): Observable<never> => {
    if (!isDestroyed) close();
    return changes$.pipe(ignoreElements());
  };
  return { lending, waiting, fill, destroy, changes$, errors$, isDestroyed: () => isDestroyed };
}

const isLeased = (member: Member<Wire>): boolean => member.isLeased;

/** Whether another wire is needed, and may be opened. */
function isShort<W extends Wire>(
  { all, count }: Members<W>,
  waiting: number,
  { min, max }: { readonly min: number; readonly max: number },
): boolean {
  const staying = count(({ isClosing }) => !isClosing);
  const coming = count(({ isLive, isLeased: isUsed, isClosing }) => !isLive && !isUsed && !isClosing);
  return all.size < max && (staying < min || waiting > coming);
}
