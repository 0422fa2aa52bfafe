import { asapScheduler, asyncScheduler, defer, distinctUntilChanged, map, startWith } from 'rxjs';
import { assertPositive } from '../../internal/assert.js';
import type { Message } from '../../message/types.js';
import { createQueueCore } from './queueCore.js';
import { processItems } from './processItems.js';
import { QUEUE_DEFAULTS, type Queue, type QueueOptions } from './queueOptions.js';

/**
 * Creates a named queue, bounded in size and age. `next` adds messages; processors take them, the most urgent first. Nothing polls: a
 * message starts when it is added, or when a processor becomes idle.
 *
 * A message of a session is acked when it is processed or dropped. With a `store`, it is acked as soon as it is stored. A stored message
 * that is not finished is processed after the next start, possibly for the second time.
 *
 * A failed handler is retried; then its message becomes a dead letter, and the queue continues. All operations are O(1) in the number of
 * waiting messages.
 *
 * @param name The name in the store.
 * @throws {RangeError} At call time, if a number is not positive.
 * @example
 * const orders = queue('orders', { maxSize: 100 });
 * orders.drops$.subscribe(({ message, reason }) => console.warn(message.id, reason));
 * orders.process(({ payload }) => save(payload)).subscribe(({ message }) => console.log(message.payload)); // prints: tea
 * orders.next(createMessage('order.placed', 'tea'));
 * @example
 * const outputs = queue<Message<'execution.output'>>('outputs');
 * wire.pipe(ofType('execution.output')).subscribe(outputs);
 */
export function queue<T extends Message = Message>(name: string, options: QueueOptions<T> = {}): Queue<T> {
  const {
    maxSize = QUEUE_DEFAULTS.maxSize,
    maxAge = QUEUE_DEFAULTS.maxAge,
    overflow = QUEUE_DEFAULTS.overflow,
    priority = (message: T) => message.priority,
    store,
    scheduler = asyncScheduler,
    microtask = asapScheduler,
  } = options;
  assertPositive('queue', { maxSize, maxAge });
  const core = createQueueCore<T>({ name, store, microtask, maxSize, maxAge, overflow, priority, scheduler });

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
    depth$: defer(() => {
      core.open();
      // Reads the depth when it emits, so that a subscriber that adds a message does not reorder the values of others.
      return core.changes$.pipe(startWith(undefined), map(core.depth), distinctUntilChanged());
    }),
    drops$: core.drops$.asObservable(),
    errors$: core.errors$.asObservable(),
    close: core.close,
  };
}
