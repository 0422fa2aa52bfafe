import {
  concat,
  defer,
  distinctUntilChanged,
  EMPTY,
  finalize,
  from,
  ignoreElements,
  map,
  mergeMap,
  Observable,
  of,
  startWith,
  Subject,
  takeUntil,
  throwError,
  type ObservableInput,
  type Subscriber,
} from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { DrainTimeoutError, OverflowError, PoolClosedError, PoolTimeoutError, UndeliveredError } from '../../message/errors.js';
import { longTimer } from '../../operators/timing/longTimer.js';
import { createCoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import { completionOf } from '../../operators/subscribing/completionOf.js';
import { readOptions } from '../../message/options/readOptions.js';
import { exponentialDelay } from '../../operators/retryBackoff.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { ConnectionStatus } from '../connectionState.js';
import type { Wire } from '../wire.js';
import { POOL_OPTIONS, type Lease, type PoolOptions, type PoolState } from './poolOptions.js';

/** A pool of wires, each of which is used by one caller at a time. */
export interface Pool<W extends Wire = Wire> {
  /**
   * Emits a connected wire, and completes: at once if a wire is idle, otherwise when a wire is
   * released or opened. The wire belongs to the caller until the caller releases it. Unsubscribing
   * ends the wait.
   *
   * @throws {PoolTimeoutError} Delivered, when no wire is idle in time.
   * @throws {OverflowError} Delivered, when too many callers wait.
   * @throws {PoolClosedError} Delivered, when the pool is destroyed.
   */
  readonly acquire: () => Observable<Lease<W>>;
  /**
   * Acquires a wire for some work, and releases it when the work has ended. Fails as `acquire`
   * does, or as the work does.
   */
  readonly use: <T>(work: (wire: W) => ObservableInput<T>) => Observable<T>;
  /**
   * Emits the state now, and at each change. Completes when the pool is destroyed, and all wires
   * are closed.
   */
  readonly state$: Observable<PoolState>;
  /** Emits the reason whenever a wire has ended, or could not be opened. */
  readonly errors$: Observable<unknown>;
  /**
   * Fails all callers that wait, accepts no more, and closes each wire as soon as it is released; a
   * wire sends its remaining messages first. The returned Observable completes when all wires are
   * closed, or `drainTimeout` has passed. The pool is destroyed without a subscription to it.
   *
   * @throws {DrainTimeoutError} Delivered at the end, when the pool has closed wires whose messages
   *   were not all delivered; or the error with which the first of these wires has ended.
   */
  readonly destroy: () => Observable<never>;
}

/**
 * Keeps some wires open, and lends each to one caller at a time. Wires reconnect by themselves; the
 * pool replaces a wire that has ended.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * import { connect, createMessage, pool, webSocket } from 'rxwire';
 *
 * const wires = pool({
 *   open: () => connect({ link: webSocket('ws://127.0.0.1:4870/wire') }),
 *   min: 2,
 *   max: 10,
 *   acquireTimeout: 5_000,
 * });
 * const job = createMessage('execution.start', {
 *   executionId: 'e1',
 *   sandboxId: 's1',
 *   data: '6 * 7',
 * });
 * wires.use((wire) => wire.send(job)).subscribe(({ status }) => console.log(status)); // prints: acked
 */
export function pool<W extends Wire>(options: PoolOptions<W>): Pool<W> {
  checkOptions('pool', options);
  const { open, scheduler = steadyScheduler(), random = Math.random } = options;
  const limits = readOptions('pool', options, POOL_OPTIONS);
  const { min, max } = limits;
  if (!(Number.isInteger(min) && min >= 0 && min <= max)) {
    throw new RangeError(`pool: "min" must be a whole number from 0 to ${max}, which is "max", got ${min}`);
  }

  const wires = new WirePool<W>({ ...limits, open, scheduler, random });
  wires.fill();
  const acquire = (): Observable<Lease<W>> => defer(() => wires.acquire());
  return {
    acquire,
    use: (work) => acquire().pipe(mergeMap(({ wire, release }) => defer(() => from(work(wire))).pipe(finalize(release)))),
    state$: defer(() =>
      wires.changes$.pipe(
        startWith(undefined),
        map(() => wires.snapshot()),
      ),
    ),
    errors$: wires.errors$.asObservable(),
    destroy: () => wires.destroy(),
  };
}

interface Member<W extends Wire> {
  readonly wire: W;
  isConnected: boolean;
  isLeased: boolean;
  isClosing: boolean;
  since: number;
}

/** The state of a pool. It changes by events: the pool never polls its wires. */
class WirePool<W extends Wire> {
  readonly changes$ = new Subject<undefined>();
  readonly errors$ = new Subject<unknown>();
  readonly #options: Required<PoolOptions<W>>;
  readonly #members = new Set<Member<W>>();
  /** The members that are connected and not leased, in the order in which they became idle. */
  readonly #idle: Member<W>[] = [];
  /** The callers that wait for a wire: first the one that has waited for longest. */
  readonly #waiting = new Set<Subscriber<Lease<W>>>();
  readonly #idleTimer;
  readonly #reopenTimer;
  #isReopenDelayed = false;
  /** Failures since a wire has last connected. */
  #failures = 0;
  #lastError: unknown;
  #isServing = false;
  #isDestroyed = false;
  /** The reason why messages of a wire that the pool has closed were not delivered. */
  #failure: UndeliveredError | undefined;
  #isEndingAll = false;

  constructor(options: Required<PoolOptions<W>>) {
    const { scheduler } = options;
    this.#options = options;
    this.#idleTimer = createCoalescedTimer(scheduler, () => this.#closeIdle());
    this.#reopenTimer = createCoalescedTimer(scheduler, () => {
      this.#isReopenDelayed = false;
      this.fill();
    });
  }

  snapshot(): PoolState {
    return {
      size: this.#members.size,
      idle: this.#idle.length,
      leased: this.#count(isLeased),
      waiting: this.#waiting.size,
      isDestroyed: this.#isDestroyed,
    };
  }

  acquire(): Observable<Lease<W>> {
    const { maxWaiting } = this.#options;
    if (this.#isDestroyed) return throwError(() => new PoolClosedError());
    const lease = this.#waiting.size === 0 && this.#lease();
    if (lease) return of(lease);
    if (this.#waiting.size >= maxWaiting) return throwError(() => new OverflowError('callers that wait for a wire', maxWaiting));
    return new Observable((caller) => this.#wait(caller));
  }
  #wait(caller: Subscriber<Lease<W>>): void {
    const { acquireTimeout, scheduler } = this.#options;
    const onTimeout = (): void => {
      this.#leave(caller);
      caller.error(new PoolTimeoutError(acquireTimeout, this.#members.size, this.#count(isLeased), this.#lastError));
    };
    this.#waiting.add(caller);
    caller.add(() => this.#leave(caller));
    caller.add(longTimer(acquireTimeout, scheduler).subscribe(onTimeout));
    this.#changed();
  }
  #leave(caller: Subscriber<Lease<W>>): void {
    if (this.#waiting.delete(caller)) this.#changed();
  }

  fill(): void {
    while (!this.#isDestroyed && !this.#isReopenDelayed && this.#needsMore()) this.#open();
  }

  destroy(): Observable<never> {
    if (!this.#isDestroyed) {
      this.#isDestroyed = true;
      this.#reopenTimer.clear();
      const late$ = longTimer(this.#options.drainTimeout, this.#options.scheduler).pipe(takeUntil(completionOf(this.changes$)));
      late$.subscribe(() => this.#endAll());
      for (const caller of this.#waiting) {
        this.#leave(caller);
        caller.error(new PoolClosedError());
      }
      this.#idleTimer.clear();
      for (const member of [...this.#members]) if (!member.isLeased) this.#close(member);
      this.#changed();
    }
    const failure$ = defer((): Observable<never> => {
      const error = this.#failure;
      return error ? throwError(() => error) : EMPTY;
    });
    return concat(this.changes$.pipe(ignoreElements()), failure$);
  }

  /** Ends all wires without draining them. */
  #endAll(): void {
    const { drainTimeout } = this.#options;
    const ids: string[] = [];
    this.#isEndingAll = true;
    for (const { wire } of [...this.#members]) {
      wire.failures$.subscribe(({ id }) => ids.push(id));
      wire.unsubscribe();
    }
    this.#isEndingAll = false;
    if (ids.length > 0) this.#undelivered(new DrainTimeoutError({ count: ids.length, ids, kept: 0 }, drainTimeout));
    this.#changed();
  }

  #undelivered(error: UndeliveredError): void {
    this.#failure ??= error;
    this.errors$.next(error);
  }

  #changed(): void {
    this.changes$.next(undefined);
    this.fill();
    if (this.#isDestroyed && !this.#isEndingAll && this.#members.size === 0)
      for (const subject of [this.changes$, this.errors$]) subject.complete();
  }

  #count(is: (member: Member<W>) => boolean): number {
    return [...this.#members].filter(is).length;
  }

  #needsMore(): boolean {
    const { min, max } = this.#options;
    const staying = this.#count(({ isClosing }) => !isClosing);
    const connecting = this.#count((member) => !member.isConnected && !member.isLeased && !member.isClosing);
    return this.#members.size < max && (staying < min || this.#waiting.size > connecting);
  }

  #open(): void {
    try {
      const member = { wire: this.#options.open(), isConnected: false, isLeased: false, isClosing: false, since: 0 };
      this.#members.add(member);
      // The pool reports the failures of its wires: they need not report them themselves.
      member.wire.errors$.subscribe();
      const status$ = member.wire.state$.pipe(
        map(({ status }) => status),
        distinctUntilChanged(),
      );
      status$.subscribe({ next: (status) => this.#onStatus(member, status), complete: () => this.#onEnded(member) });
    } catch (error) {
      this.#onFailed(error);
    }
  }

  #onStatus(member: Member<W>, status: ConnectionStatus): void {
    member.isConnected = status === 'connected';
    if (!member.isConnected) this.#removeIdle(member);
    else if (!member.isLeased) {
      this.#failures = 0;
      this.#addIdle(member);
    }
    this.#changed();
  }

  #onEnded(member: Member<W>): void {
    this.#members.delete(member);
    this.#removeIdle(member);
    const { status, error } = member.wire.state;
    if (!member.isClosing) this.#onFailed(status === 'error' ? error : undefined);
    else if (error instanceof UndeliveredError) this.#undelivered(error);
    this.#changed();
  }

  /** Delays the next wire, longer after each failure. */
  #onFailed(error: unknown): void {
    const { initialInterval, maxInterval, random } = this.#options;
    this.#lastError = error;
    if (!this.#isDestroyed && !this.#isReopenDelayed) {
      this.#isReopenDelayed = true;
      const delay = Math.min(exponentialDelay(this.#failures++, initialInterval), maxInterval);
      this.#reopenTimer.set(delay * (1 - random() / 2));
    }
    if (error !== undefined) this.errors$.next(error);
  }

  #addIdle(member: Member<W>): void {
    if (this.#isDestroyed) {
      this.#close(member);
      return;
    }
    member.since = this.#options.scheduler.now();
    this.#idle.push(member);
    this.#serve();
    this.#scheduleIdle();
  }

  #removeIdle(member: Member<W>): void {
    const at = this.#idle.indexOf(member);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** Gives idle wires to callers. A loop, because a caller may release its wire at once. */
  #serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    for (const caller of this.#waiting) {
      const lease = this.#lease();
      if (!lease) break;
      this.#leave(caller);
      // A subscriber of the state may have ended the wait.
      if (caller.closed) lease.release();
      caller.next(lease);
      caller.complete();
    }
    this.#isServing = false;
  }

  /**
   * Leases the wire that was used last, so that the others are idle for long enough to be closed.
   */
  #lease(): Lease<W> | undefined {
    const member = this.#idle.pop();
    if (!member) return undefined;
    member.isLeased = true;
    this.#changed();
    let isOver = false;
    const end = (then: () => void) => (): void => {
      if (isOver) return;
      isOver = true;
      member.isLeased = false;
      if (this.#members.has(member)) then();
      this.#changed();
    };
    const release = end(() => {
      // A wire that is not connected becomes idle when it is.
      if (member.isConnected || this.#isDestroyed) this.#addIdle(member);
    });
    return { wire: member.wire, release, discard: end(() => this.#close(member)) };
  }

  /** Closes a wire after its remaining messages are sent. */
  #close(member: Member<W>): void {
    member.isClosing = true;
    this.#removeIdle(member);
    member.wire.complete();
  }

  #scheduleIdle(): void {
    const { idleTimeout, scheduler } = this.#options;
    const oldest = this.#oldestSpare();
    if (oldest) this.#idleTimer.set(Math.max(0, oldest.since + idleTimeout - scheduler.now()));
  }

  #closeIdle(): void {
    const { idleTimeout, scheduler } = this.#options;
    const oldest = this.#oldestSpare();
    if (oldest && oldest.since + idleTimeout <= scheduler.now()) this.#close(oldest);
    this.#scheduleIdle();
  }

  /** Returns the wire that has been idle for longest, if there are more wires than `min`. */
  #oldestSpare(): Member<W> | undefined {
    return this.#count(({ isClosing }) => !isClosing) > this.#options.min ? this.#idle[0] : undefined;
  }
}

const isLeased = (member: Member<Wire>): boolean => member.isLeased;
