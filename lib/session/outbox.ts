import type { SchedulerLike } from 'rxjs';
import { MessageDroppedError, type DropReason } from '../errors.js';
import { createPriorityQueue } from '../internal/priorityQueue.js';
import { isExpired } from '../message/expiry.js';
import type { Receipt } from '../message/receipt.js';
import type { Message } from '../message/types.js';
import type { Report } from './events.js';

interface OutboxOptions {
  readonly maxQueued: number;
  readonly scheduler: SchedulerLike;
  readonly report: Report;
}

/** What is to be sent: it waits here by priority, and stays known until it is done. Tells of every step of each message. */
export function createOutbox({ maxQueued, scheduler, report }: OutboxOptions) {
  const waiting = createPriorityQueue<Message>('outbox', maxQueued, 'drop-oldest');
  const pending = new Set<string>();
  const inFlight = new Map<string, Message>();

  const tell = (receipt: Receipt): void => report({ kind: 'receipt', receipt });
  const done = (id: string): void => {
    pending.delete(id);
    inFlight.delete(id);
  };
  const fail = (id: string, error: Error, status: 'dead' | 'expired' = 'dead'): void => {
    done(id);
    tell({ id, status, error });
    report({ kind: 'error', error });
  };
  const drop = (id: string, reason: DropReason): void =>
    fail(id, new MessageDroppedError(id, reason), reason === 'expired' ? 'expired' : 'dead');

  return {
    /** Messages that are not done: waiting, or in flight. */
    size: (): number => pending.size,
    /** What was taken and is not done, in order. */
    inFlight: inFlight as ReadonlyMap<string, Message>,
    /** A message that is here already is the same message. */
    accept: (message: Message): void => {
      if (pending.has(message.id)) return;
      pending.add(message.id);
      const dropped = waiting.push(message, message.priority, scheduler.now());
      tell({ id: message.id, status: 'queued' });
      if (dropped) drop(dropped.value.id, 'overflow');
    },
    /** The next to send, if any. What has expired meanwhile is dropped. */
    take(): Message | undefined {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const message = next.value;
        if (isExpired(message, scheduler.now())) drop(message.id, 'expired');
        else {
          inFlight.set(message.id, message);
          return message;
        }
      }
      return undefined;
    },
    /** Passes a receipt on; with a final one the message is done. */
    settle(receipt: Receipt, isFinal: boolean): void {
      if (isFinal) done(receipt.id);
      tell(receipt);
    },
    fail,
    /** Drops all that is not done. */
    abandon: (): void => [...pending].forEach((id) => drop(id, 'closed')),
  };
}
