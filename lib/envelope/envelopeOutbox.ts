import { Subject, type SchedulerLike } from 'rxjs';
import { isUnencrypted } from '../codec/seal/encryptedPayload.js';
import { MessageDroppedError, NotEncryptedError, type DropReason, type UndeliveredMessages } from '../errors.js';
import { createRing } from '../internal/ring.js';
import { wallTime } from '../internal/steadyScheduler.js';
import { isExpired } from '../message/isExpired.js';
import type { Receipt } from '../message/receipt.js';
import type { Message } from '../message/types.js';
import type { Report } from '../session/sessionEvents.js';

/**
 * Keeps outgoing messages by priority until they are taken, and by id until they are settled.
 * Reports each step of each message.
 */
export function createEnvelopeOutbox(maxQueued: number, scheduler: SchedulerLike, report: Report) {
  const { push, shiftMostUrgent, shiftLeastUrgent } = createPriorityRings();
  const pending = new Map<string, Message>();
  const inFlight = new Map<string, Message>();
  const settled$ = new Subject<void>();

  const reportReceipt = (receipt: Receipt): void => {
    const { latency } = receipt;
    if (latency !== undefined) report({ kind: 'latency', latency });
    report({ kind: 'receipt', receipt });
    if (receipt.error) report({ kind: 'error', error: receipt.error });
  };
  const settle = (id: string, receipt?: Receipt): void => {
    pending.delete(id);
    inFlight.delete(id);
    if (receipt) reportReceipt(receipt);
    settled$.next();
  };
  const drop = (id: string, reason: DropReason): void =>
    settle(id, { id, status: reason === 'expired' ? reason : 'dead', error: new MessageDroppedError(id, reason) });

  return {
    /** Messages that are not settled, in the order of arrival: they wait, or are in flight. */
    pending: pending as ReadonlyMap<string, Message>,
    /** Messages that were taken and are not settled, in order. */
    inFlight: inFlight as ReadonlyMap<string, Message>,
    /** Emits when a message is settled. */
    settled$,
    /** Adds a message, unless a message of the same id is pending. */
    accept: (message: Message): void => {
      const { id } = message;
      if (pending.has(id)) return;
      // No codec of envelopes encrypts.
      if (isUnencrypted(message)) {
        reportReceipt({ id, status: 'dead', error: new NotEncryptedError(message) });
        return;
      }
      pending.set(id, message);
      push(message);
      reportReceipt({ id, status: 'queued' });
      const dropped = pending.size - inFlight.size > maxQueued && shiftLeastUrgent();
      if (dropped) drop(dropped.id, 'overflow');
    },
    /** Returns the next message to send, if any, and drops those that have expired. */
    take: (): Message | undefined => {
      let message = shiftMostUrgent();
      for (; message && isExpired(message, wallTime(scheduler)); message = shiftMostUrgent()) drop(message.id, 'expired');
      if (message) inFlight.set(message.id, message);
      return message;
    },
    reportReceipt,
    /** Removes a message, and reports its last receipt unless that was reported before. */
    settle,
    /** Drops all messages that are not settled, and returns them; `undefined` if there are none. */
    giveUp: (): UndeliveredMessages | undefined => {
      const ids = [...pending.keys()];
      ids.forEach((id) => drop(id, 'closed'));
      return ids.length > 0 ? { count: ids.length, ids, kept: 0 } : undefined;
    },
  };
}

/** Creates one FIFO queue for each priority. */
function createPriorityRings() {
  const rings = [0, 1, 2, 3].map(() => createRing<Message>());
  const urgentFirst = [...rings].reverse();
  const shift = (order: typeof rings): Message | undefined => order.find(({ size }) => size > 0)?.shift();

  return {
    /**
     * A message without a priority is NORMAL. So is one with an invalid priority: the codec rejects
     * it later.
     */
    push: (message: Message): void => (rings[message.priority ?? 1] ?? rings[1])?.push(message),
    shiftMostUrgent: () => shift(urgentFirst),
    shiftLeastUrgent: () => shift(rings),
  };
}
