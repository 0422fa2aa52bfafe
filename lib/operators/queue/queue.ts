import {
  asapScheduler,
  AsyncSubject,
  defer,
  distinctUntilChanged,
  EMPTY,
  filter,
  finalize,
  map,
  mergeAll,
  mergeMap,
  type Observable,
  type SchedulerLike,
  startWith,
  Subject,
  take,
  tap,
} from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import { OverflowError } from '../../message/errors.js';
import { mergeFromQueue, type MergeQueue } from '../buffers/mergeFromQueue.js';
import { valuesOf } from '../../message/maybeAsync.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import { type ConsumeParts, handled } from '../consume/consumeOne.js';
import type { Consumed, HandlerWork } from '../consume/consumeOptions.js';
import { createRetries } from '../consume/messageRetries.js';
import { retryBackoff } from '../retryBackoff.js';
import { createQueueCore, type QueueCore } from './queueCore.js';
import type { ProcessOptions, Queue, QueueOptions } from './queueOptions.js';
import type { QueueItem } from './waitingItems.js';

/**
 * Creates a named queue, bounded in size and age. `next` adds messages; processors take them, the
 * most urgent first, or in the order of arrival. Nothing polls: a message starts when it is added,
 * or when a processor becomes idle.
 *
 * A message of a session is acked when it is processed. A message that is dropped is refused: its
 * sender receives `ERR_REFUSED`. With a `store`, it is acked as soon as it is stored. A stored
 * message that is not finished is processed after the next start, possibly for the second time.
 *
 * A failed handler is retried; then its message becomes a dead letter, and the queue continues. All
 * operations are O(1) in the number of waiting messages.
 *
 * @param name The name in the store.
 * @throws {RangeError} At call time, if a number is not positive, or an option is invalid.
 * @example
 * import { createMessage, queue } from 'rxwire';
 *
 * const orders = queue('orders', { maxSize: 100 });
 * orders.drops$.subscribe(({ message, reason }) => console.warn(message.id, reason));
 * orders.process(({ payload }) => console.log(payload)).subscribe(); // prints: tea
 * orders.next(createMessage('order.placed', 'tea'));
 */
export function queue<T extends Message = Message>(name: string, options: QueueOptions<T> = {}): Queue<T> {
  checkOptions('queue', options);
  return createQueue(name, options);
}

/** @param onEnd Called when the queue is closed or has failed. */
function createQueue<T extends Message>(name: string, options: QueueOptions<T>, onEnd?: () => void): Queue<T> {
  const {
    maxSize = 1_000,
    maxAge = 60_000,
    ageFrom = 'arrival',
    order = 'priority',
    overflow = 'drop-oldest',
    priority = order === 'fifo' ? () => undefined : (message: T) => message.priority,
    store,
    scheduler = steadyScheduler(),
    microtask = asapScheduler,
  } = options;
  assertPositive('queue', { maxSize, maxAge });
  assertOneOf('ageFrom', ageFrom, ['arrival', 'timestamp']);
  assertOneOf('order', order, ['fifo', 'priority']);
  if (order === 'fifo' && options.priority) throw new RangeError(`queue: "priority" has no effect with the order 'fifo'`);
  if (order === 'fifo' && overflow === 'drop-lowest')
    throw new RangeError(`queue: the overflow 'drop-lowest' has no effect with the order 'fifo'`);
  const core = createQueueCore<T>({ name, store, microtask, maxSize, maxAge, ageFrom, overflow, priority, scheduler });
  if (onEnd) core.wake$.subscribe({ error: onEnd, complete: onEnd });

  return {
    name,
    next(message) {
      core.open();
      core.add(message);
    },
    process: (handler, how = {}) => processItems(core, scheduler, handler, how),
    take: () => takeNext(core),
    depth$: defer(() => {
      core.open();
      // Reads the depth when it emits: a subscriber may add a message meanwhile.
      return core.changes$.pipe(startWith(undefined), map(core.depth), distinctUntilChanged());
    }),
    drops$: core.drops$.asObservable(),
    errors$: core.errors$.asObservable(),
    close: () => core.close(),
  };
}

function assertOneOf(option: string, value: string, allowed: readonly [string, string]): void {
  if (!allowed.includes(value)) throw new RangeError(`queue: "${option}" must be '${allowed.join(`' or '`)}', got ${value}`);
}

function takeNext<T extends Message>(core: QueueCore<T>): Observable<T> {
  const shiftLive = (): QueueItem<T> | undefined => {
    let item = core.take();
    // The next session delivers the message again.
    for (; item && core.jobOf(item).held?.delivery.session.isOver; item = core.take()) core.finish(item);
    return item;
  };
  return defer(() => {
    core.open();
    let taken: QueueItem<T> | undefined;
    return core.wake$.pipe(
      startWith(undefined),
      map(() => (taken = shiftLive())),
      filter((item) => item !== undefined),
      take(1),
      map(({ message }) => message),
      // Not before the subscriber has the message: a crash in between repeats it.
      finalize(() => {
        if (!taken) return;
        core.jobOf(taken).held?.end();
        core.finish(taken);
      }),
    );
  });
}

export interface QueuesOptions extends QueueOptions<Message> {
  /** The maximum number of open queues. @default 1_000 */
  readonly maxQueues?: number;
}

/** Queues by name. */
export interface Queues {
  /**
   * Returns the queue with this name, and creates it if there is none. Without options, it returns
   * the open queue whatever its options are. Functions and stores must be the same objects.
   *
   * @throws {TypeError} If the queue is open with other options.
   * @throws {OverflowError} If there are `maxQueues` queues.
   * @throws {RangeError} If an option is out of range.
   */
  readonly open: <T extends Message = Message>(name: string, options?: QueueOptions<T>) => Queue<T>;
  /** Returns the names of the open queues, in the order in which they were opened. */
  readonly names: () => readonly string[];
  /** Closes all queues; see `close` of a queue. */
  readonly close: () => void;
}

interface OpenQueue {
  readonly queue: Queue<Message>;
  readonly options: QueueOptions<Message>;
}

/**
 * Keeps queues by unique names, so that all parts of a program that open a name share one queue. A
 * queue that is closed or has failed is removed: the next `open` creates it anew. With a `store`, a
 * queue continues with the messages that the last process has left.
 *
 * @param options Apply to all queues. Those of `open` override them.
 * @throws {RangeError} At call time, if `maxQueues` is not positive.
 * @example
 * import { createMessage, queues } from 'rxwire';
 *
 * const all = queues({ maxSize: 100 });
 * all.open('orders').next(createMessage('order.placed', 'tea'));
 * all.open('orders').process(({ payload }) => console.log(payload)).subscribe(); // prints: tea
 * console.log(all.names().join()); // prints: orders
 * all.close();
 */
export function queues(options: QueuesOptions = {}): Queues {
  checkOptions('queues', options);
  const { maxQueues = 1_000, ...defaults } = options;
  assertPositive('queues', { maxQueues });
  const all = new Map<string, OpenQueue>();

  const create = (name: string, own: QueueOptions<Message>): Queue<Message> => {
    if (all.size >= maxQueues) throw new OverflowError('queues', maxQueues);
    const created: OpenQueue = { options: own, queue: createQueue(name, own, () => all.delete(name)) };
    all.set(name, created);
    return created.queue;
  };
  const open = (name: string, given?: QueueOptions<Message>): Queue<Message> => {
    const own = { ...defaults, ...given };
    const found = all.get(name);
    if (!found) return create(name, own);
    const other = given && differentOption(found.options, own);
    if (other !== undefined) throw new TypeError(`queues: the queue ${name} is open with another "${other}"`);
    return found.queue;
  };
  return {
    // A name stands for one type of messages, which nothing checks at run time.
    open: open as unknown as Queues['open'],
    names: () => [...all.keys()],
    close() {
      for (const { queue } of [...all.values()]) queue.close();
    },
  };
}

function differentOption(first: QueueOptions<Message>, second: QueueOptions<Message>): string | undefined {
  const names = new Set([...Object.keys(first), ...Object.keys(second)] as (keyof QueueOptions<Message>)[]);
  return [...names].find((name) => first[name] !== second[name]);
}

/** The delay before a dead letter is stored again, in ms: doubled with each failure. */
const LETTER_RETRIES = { initialInterval: 100, maxInterval: 30_000 } as const;

function processItems<T extends Message, R>(
  core: QueueCore<T>,
  scheduler: SchedulerLike,
  handler: (message: T) => HandlerWork<R>,
  { concurrency = 1, retry, onError, deadLetter }: ProcessOptions<T, R>,
): Observable<Consumed<T, R>> {
  assertPositive('queue', { concurrency });
  const retries = createRetries(retry, scheduler);

  return defer(() => {
    core.open();
    /** The items to put back when the processor is unsubscribed. */
    const running = new Set<QueueItem<T>>();
    let isUnsubscribed = false;
    const unsubscribed$ = new Subject<void>();
    /** While a letter cannot be stored, other messages wait: a queue with many senders goes on. */
    const storeAgain = retryBackoff({
      ...LETTER_RETRIES,
      scheduler,
      wake$: unsubscribed$,
      shouldRetry: () => !isUnsubscribed && core.isOpen(),
      onRetry: ({ error }) => core.errors$.next(error),
    });
    /**
     * Unsubscribing does not cancel the storing of a dead letter, so that none is also put back.
     */
    const protect: ConsumeParts<T, R, never>['protect'] = (message, outcome, store) => {
      const item = [...running].find((one) => one.message === message);
      if (!item) return store();

      const { held } = core.jobOf(item);
      // The next session delivers the message again.
      const kept = defer(() => (held?.delivery.session.isOver ? EMPTY : valuesOf(store()))).pipe(storeAgain);
      running.delete(item);
      const kept$ = new AsyncSubject<unknown>();
      // Runs before the processor continues with the result, if it is still subscribed.
      kept$.subscribe({
        error(error) {
          if (!isUnsubscribed) return void running.add(item);
          core.errors$.next(error);
          core.putBack([item]);
        },
        complete() {
          if (!isUnsubscribed) return void running.add(item);
          held?.end(outcome);
          core.finish(item);
        },
      });
      kept.subscribe(kept$);
      return kept$;
    };
    const parts = { handler, retries, scheduler, protect, ...(onError && { onError }), ...(deadLetter && { deadLetter }) };
    const end = (item: QueueItem<T>): Observable<unknown> | undefined => (running.delete(item) ? core.finish(item) : undefined);
    const project = (item: QueueItem<T>): Observable<Observable<Consumed<T, R>>> =>
      handled(core.jobOf(item), parts).pipe(
        map((processed$) => end(item)?.pipe(mergeMap(() => processed$)) ?? processed$),
        // It completes without a value when the session has ended, which delivers it again.
        tap({ complete: () => end(item) }),
      );
    const createQueue = (): MergeQueue<unknown, QueueItem<T>> => ({
      push: () => undefined,
      shift() {
        const item = core.take();
        if (item) running.add(item);
        return item;
      },
      close() {
        isUnsubscribed = true;
        core.putBack(running);
        unsubscribed$.next();
      },
    });
    // The next item need not wait for this write: many share a transaction.
    return mergeFromQueue(core.wake$.pipe(startWith(undefined)), { concurrency, createQueue, project }).pipe(mergeAll());
  });
}
