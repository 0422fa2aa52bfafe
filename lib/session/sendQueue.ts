import type { SchedulerLike } from 'rxjs';
import type { OverflowError } from '../errors.js';
import { createPriorityQueue, type OverflowPolicy } from '../internal/priorityQueue.js';
import { isExpired } from '../message/expiry.js';
import type { Delivery, Message } from '../message/types.js';
import { isSure, type Level } from './batches.js';
import type { Ledger } from './ledger.js';

export interface SendQueueOptions {
  readonly delivery: Delivery;
  readonly maxQueued: number;
  readonly overflow: OverflowPolicy;
  readonly scheduler: SchedulerLike;
  readonly ledger: Ledger;
}

/** Messages that have no numbers yet: the most urgent first, and in order of coming within a priority. */
export interface SendQueue {
  /** Messages of the levels that are numbered. */
  readonly size: number;
  push(message: Message): void;
  /** Takes up to `max` messages of one level that is numbered. */
  take(max: number): { readonly messages: readonly Message[]; readonly delivery: Level };
  /** Takes up to `max` at-most-once messages. */
  takeUnsure(max: number): readonly Message[];
}

export function createSendQueue({ delivery, maxQueued, overflow, scheduler, ledger }: SendQueueOptions): SendQueue {
  const sure = createPriorityQueue<Message>('the outbox', maxQueued, overflow);
  const unsure = createPriorityQueue<Message>('the outbox', maxQueued, overflow);
  /** Taken already, when it was seen to be of another level than those before it. */
  let next: Message | undefined;

  const levelOf = (message: Message): Delivery => message.delivery ?? delivery;
  const shift = (queue: typeof sure): Message | undefined => {
    for (let waiting = queue.shift(); waiting; waiting = queue.shift()) {
      if (waiting.value.ttl === undefined || !isExpired(waiting.value, scheduler.now())) return waiting.value;
      ledger.drop(waiting.value.id, 'expired');
    }
    return undefined;
  };

  return {
    get size() {
      return sure.size + (next ? 1 : 0);
    },
    push(message) {
      const queue = isSure(levelOf(message)) ? sure : unsure;
      try {
        // Nobody asks here since when it waits: that is what its ttl is for.
        const dropped = queue.push(message, message.priority, 0);
        if (dropped) ledger.drop(dropped.value.id, 'overflow');
      } catch (error) {
        ledger.close(message.id, 'dead', { error: error as OverflowError });
      }
    },
    take(max) {
      const messages: Message[] = [];
      let level: Delivery | undefined;
      for (let message = next ?? shift(sure); message; message = shift(sure)) {
        level ??= levelOf(message);
        next = levelOf(message) === level ? undefined : message;
        if (next || messages.push(message) === max) break;
      }
      return { messages, delivery: level as Level };
    },
    takeUnsure(max) {
      const messages: Message[] = [];
      for (let message = shift(unsure); message; message = shift(unsure)) if (messages.push(message) === max) break;
      return messages;
    },
  };
}
