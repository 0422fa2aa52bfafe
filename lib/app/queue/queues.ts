import { OverflowError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import type { Message } from '../../message/types.js';
import { createQueue } from './queue.js';
import type { Queue, QueueOptions } from './queueOptions.js';

export interface QueuesOptions extends QueueOptions<Message> {
  /** The maximum number of open queues. @default 1_000 */
  readonly maxQueues?: number;
}

/** Queues by name. */
export interface Queues {
  /**
   * Returns the queue with this name, and creates it if there is none. Without options, it returns
   * the open queue whatever its options are.
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
 * queue that is closed or has failed is removed: the next `open` creates it anew.
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

/** Returns the name of an option that is not the same in both. */
function differentOption(first: QueueOptions<Message>, second: QueueOptions<Message>): string | undefined {
  const names = new Set([...Object.keys(first), ...Object.keys(second)] as (keyof QueueOptions<Message>)[]);
  return [...names].find((name) => first[name] !== second[name]);
}
