import { asapScheduler, defer, distinctUntilChanged, filter, finalize, map, startWith, take, type Observable } from 'rxjs';
import { assertPositive } from '../../internal/assert.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import { processItems } from './processItems.js';
import { createQueueCore, type QueueCore } from './queueCore.js';
import type { Queue, QueueOptions } from './queueOptions.js';
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
 * @example
 * import { connect, type Message, ofType, queue, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const outputs = queue<Message<'execution.output'>>('outputs');
 * wire.pipe(ofType('execution.output')).subscribe(outputs);
 * @example
 * import { createMessage, queue } from 'rxwire';
 *
 * const jobs = queue('jobs', { order: 'fifo' });
 * jobs.take().subscribe(({ payload }) => console.log(payload)); // prints: first
 * jobs.next(createMessage('job.wanted', 'first'));
 */
export function queue<T extends Message = Message>(name: string, options: QueueOptions<T> = {}): Queue<T> {
  return createQueue(name, options);
}

/** @param onEnd Called when the queue is closed or has failed. */
export function createQueue<T extends Message>(name: string, options: QueueOptions<T>, onEnd?: () => void): Queue<T> {
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
      // Reads the depth when it emits, so that a subscriber that adds a message does not reorder
      // the values of others.
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

/** Emits the next message, and finishes it when the subscriber has received it. */
function takeNext<T extends Message>(core: QueueCore<T>): Observable<T> {
  const shiftLive = (): QueueItem<T> | undefined => {
    let item = core.take();
    // The next session delivers the message again.
    for (; item && core.jobOf(item).held?.delivery.session.isOver(); item = core.take()) core.finish(item);
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
      // Not before the subscriber has the message: a crash in between repeats it, and does not lose
      // it.
      finalize(() => {
        if (!taken) return;
        core.jobOf(taken).held?.end();
        core.finish(taken);
      }),
    );
  });
}
