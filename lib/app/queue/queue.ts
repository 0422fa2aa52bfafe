import { asapScheduler, asyncScheduler, defer, distinctUntilChanged, map, startWith } from 'rxjs';
import { assertPositive } from '../../internal/assert.js';
import type { Message } from '../../message/types.js';
import { createCounter } from './counter.js';
import { processing } from './processing.js';
import type { Queue, QueueOptions } from './queueOptions.js';

/**
 * A named queue, bounded in number and in age: messages go in on one side, and processors take them out on the other, the most urgent first. Nothing
 * polls: a message is processed in the moment in which it comes, or in which a processor is free.
 *
 * A message that a session hands over is acked when it is processed, or dropped; with a `store`, as soon as that has it. What is stored and not
 * finished is processed after the next start, maybe for the second time.
 *
 * A handler that fails is tried again, and ends in a dead letter, never the queue. Everything is O(1), however many wait.
 *
 * @param name Under which it is stored.
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
  const { maxSize = 1_000, maxAge = 60_000, priority = priorityOf, overflow = 'drop-oldest', store } = options;
  const { scheduler = asyncScheduler, microtask = asapScheduler } = options;
  assertPositive('queue', { maxSize, maxAge });
  const counter = createCounter<T>({ name, maxSize, maxAge, priority, overflow, store, scheduler, microtask });

  return {
    name,
    next(message) {
      counter.open();
      counter.add(message);
    },
    process(handler, how = {}) {
      const messages$ = processing(counter, scheduler, handler, how);
      return defer(() => {
        counter.open();
        return messages$;
      });
    },
    depth$: defer(() => {
      counter.open();
      // Read when it is told: who adds in the middle of being told shall not make others hear of it out of order.
      return counter.changes$.pipe(startWith(undefined), map(counter.depth), distinctUntilChanged());
    }),
    drops$: counter.drops$.asObservable(),
    errors$: counter.errors$.asObservable(),
    close: counter.close,
  };
}

function priorityOf({ priority }: Message): number | undefined {
  return priority;
}
