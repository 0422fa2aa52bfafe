import { asapScheduler, defer, distinctUntilChanged, map, startWith } from 'rxjs';
import { assertPositive } from '../../internal/assert.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import { createQueueCore } from './queueCore.js';
import { processItems } from './processItems.js';
import { takeNext } from './takeNext.js';
import { QUEUE_DEFAULTS, type Queue, type QueueOptions } from './queueOptions.js';

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
    maxSize = QUEUE_DEFAULTS.maxSize,
    maxAge = QUEUE_DEFAULTS.maxAge,
    ageFrom = QUEUE_DEFAULTS.ageFrom,
    order = QUEUE_DEFAULTS.order,
    overflow = QUEUE_DEFAULTS.overflow,
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
    process(handler, how = {}) {
      const messages$ = processItems(core, scheduler, handler, how);
      return defer(() => {
        core.open();
        return messages$;
      });
    },
    take() {
      const next$ = takeNext(core);
      return defer(() => {
        core.open();
        return next$;
      });
    },
    depth$: defer(() => {
      core.open();
      // Reads the depth when it emits, so that a subscriber that adds a message does not reorder
      // the values of others.
      return core.changes$.pipe(startWith(undefined), map(core.depth), distinctUntilChanged());
    }),
    drops$: core.drops$.asObservable(),
    errors$: core.errors$.asObservable(),
    close: core.close,
  };
}

function assertOneOf(option: string, value: string, allowed: readonly [string, string]): void {
  if (!allowed.includes(value)) throw new RangeError(`queue: "${option}" must be '${allowed.join(`' or '`)}', got ${value}`);
}
