import type { SchedulerLike } from 'rxjs';
import type { DropReason, OverflowError } from '../../errors.js';
import { createPriorityQueue, type OverflowPolicy, type PriorityQueue } from '../../internal/priorityQueue.js';
import { wallTime } from '../../internal/steadyScheduler.js';
import { deliveryOf } from '../../message/deliveryOf.js';
import { isExpired } from '../../message/isExpired.js';
import type { Delivery, Message } from '../../message/types.js';
import { isNumbered, type NumberedDelivery } from './inFlight.js';
import type { PendingMessages } from './pendingMessages.js';

export interface SendQueueOptions {
  readonly delivery: Delivery;
  readonly maxQueued: number;
  readonly overflow: OverflowPolicy;
  readonly scheduler: SchedulerLike;
  readonly pending: PendingMessages;
}

/** The messages of one level that are taken from the queue. */
export interface Taken {
  readonly messages: readonly Message[];
  readonly delivery: NumberedDelivery;
}

/**
 * The messages that have no numbers yet: those of the highest priority first, and in order of
 * arrival within a priority.
 */
export class SendQueue {
  readonly #options: SendQueueOptions;
  /**
   * Each queue is created when two messages wait in it: most of a server's sessions send one at a
   * time, and many send nothing.
   */
  #numbered: PriorityQueue<Message> | undefined;
  #unnumbered: PriorityQueue<Message> | undefined;
  /** The only message that waits to be numbered. */
  #single: Message | undefined;
  /** A message that was taken from the queue, and is of another level than those before it. */
  #next: Message | undefined;
  #dropped = 0;

  constructor(options: SendQueueOptions) {
    this.#options = options;
  }

  /** The number of messages that wait to be numbered. */
  get size(): number {
    return Number(this.#single !== undefined) + Number(this.#next !== undefined) + (this.#numbered?.size ?? 0);
  }

  /** Whether there is nothing to be numbered. */
  isEmpty(): boolean {
    return !this.#single && !this.#next && (this.#numbered?.size ?? 0) + this.#dropped === 0;
  }

  /** Whether at-most-once messages wait. */
  hasUnnumbered(): boolean {
    return this.#unnumbered !== undefined && this.#unnumbered.size > 0;
  }

  push(message: Message): void {
    if (!isNumbered(this.#levelOf(message))) this.#enqueue((this.#unnumbered ??= this.#create()), message);
    else if (this.isEmpty()) this.#single = message;
    else {
      const queue = (this.#numbered ??= this.#create());
      const single = this.#single;
      this.#single = undefined;
      if (single) this.#enqueue(queue, single);
      this.#enqueue(queue, message);
    }
  }

  /** Takes up to `max` messages of one level that is numbered. */
  take(max: number): Taken {
    const messages: Message[] = [];
    let level: Delivery | undefined;
    for (let message = this.#next ?? this.#shiftNumbered(); message; message = this.#shiftNumbered()) {
      const mine = this.#levelOf(message);
      level ??= mine;
      this.#next = mine === level ? undefined : message;
      if (this.#next || messages.push(message) === max) break;
    }
    return { messages, delivery: level as NumberedDelivery };
  }

  /**
   * Returns how many messages were dropped since the last call, `max` at most: they get numbers,
   * too, so that the other side can count the missed messages.
   */
  takeDropped(max: number): number {
    if (this.#dropped === 0) return 0;
    const count = Math.min(this.#dropped, max);
    this.#dropped -= count;
    return count;
  }

  /** Takes up to `max` at-most-once messages. */
  takeUnnumbered(max: number): readonly Message[] {
    const messages: Message[] = [];
    if (!this.#unnumbered) return messages;
    for (let message = this.#shift(this.#unnumbered); message; message = this.#shift(this.#unnumbered))
      if (messages.push(message) === max) break;
    return messages;
  }

  #levelOf(message: Message): Delivery {
    return deliveryOf(message, this.#options.delivery);
  }

  #create(): PriorityQueue<Message> {
    return createPriorityQueue<Message>('the outbox', this.#options.maxQueued, this.#options.overflow);
  }

  #enqueue(queue: PriorityQueue<Message>, message: Message): void {
    try {
      // The queue has no maximal age: each message has its ttl for that.
      const dropped = queue.push(message, message.priority, 0);
      if (dropped) this.#drop(dropped.value, 'overflow');
    } catch (error) {
      this.#options.pending.close(message.id, 'dead', { error: error as OverflowError });
    }
  }

  #shiftNumbered(): Message | undefined {
    const single = this.#single;
    if (!single) return this.#numbered && this.#shift(this.#numbered);
    this.#single = undefined;
    if (single.ttl === undefined || !isExpired(single, wallTime(this.#options.scheduler))) return single;
    this.#drop(single, 'expired');
    return undefined;
  }

  #shift(queue: PriorityQueue<Message>): Message | undefined {
    for (let waiting = queue.shift(); waiting; waiting = queue.shift()) {
      if (waiting.value.ttl === undefined || !isExpired(waiting.value, wallTime(this.#options.scheduler))) return waiting.value;
      this.#drop(waiting.value, 'expired');
    }
    return undefined;
  }

  #drop(message: Message, reason: DropReason): void {
    if (isNumbered(this.#levelOf(message))) this.#dropped++;
    this.#options.pending.drop(message.id, reason);
  }
}
