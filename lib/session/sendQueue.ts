import type { SchedulerLike } from 'rxjs';
import type { DropReason, OverflowError } from '../errors.js';
import { createPriorityQueue, type OverflowPolicy, type PriorityQueue } from '../internal/priorityQueue.js';
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
  /** Whether there is nothing to be numbered. */
  isEmpty(): boolean;
  push(message: Message): void;
  /** Takes up to `max` messages of one level that is numbered. */
  take(max: number): { readonly messages: readonly Message[]; readonly delivery: Level };
  /** How many were dropped since the last call, `max` at most: they get numbers, too, so that the other side knows what it missed. */
  takeDropped(max: number): number;
  /** Takes up to `max` at-most-once messages. */
  takeUnsure(max: number): readonly Message[];
}

export function createSendQueue({ delivery, maxQueued, overflow, scheduler, ledger }: SendQueueOptions): SendQueue {
  // Each is made when something waits in it: most of a server's connections never send at-most-once, and many nothing at all.
  let sure: PriorityQueue<Message> | undefined;
  let unsure: PriorityQueue<Message> | undefined;
  /** Taken already, when it was seen to be of another level than those before it. */
  let next: Message | undefined;
  let dropped = 0;

  const levelOf = (message: Message): Delivery => message.delivery ?? delivery;
  const drop = (message: Message, reason: DropReason): void => {
    if (isSure(levelOf(message))) dropped++;
    ledger.drop(message.id, reason);
  };
  const create = () => createPriorityQueue<Message>('the outbox', maxQueued, overflow);
  const queueOf = (message: Message) => (isSure(levelOf(message)) ? (sure ??= create()) : (unsure ??= create()));
  const shift = (queue: typeof sure): Message | undefined => {
    for (let waiting = queue?.shift(); waiting; waiting = queue?.shift()) {
      if (waiting.value.ttl === undefined || !isExpired(waiting.value, scheduler.now())) return waiting.value;
      drop(waiting.value, 'expired');
    }
    return undefined;
  };

  return {
    isEmpty: () => !next && (sure?.size ?? 0) + dropped === 0,
    push(message) {
      try {
        // Nobody asks here since when it waits: that is what its ttl is for.
        const given = queueOf(message).push(message, message.priority, 0);
        if (given) drop(given.value, 'overflow');
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
    takeDropped(max) {
      const count = Math.min(dropped, max);
      dropped -= count;
      return count;
    },
    takeUnsure: (max) => upTo(max, () => shift(unsure)),
  };
}

function upTo(max: number, next: () => Message | undefined): readonly Message[] {
  const messages: Message[] = [];
  for (let message = next(); message; message = next()) if (messages.push(message) === max) break;
  return messages;
}
