import { Subject, type SchedulerLike } from 'rxjs';
import { MessageDroppedError, type DropReason } from '../../errors.js';
import { isExpired } from '../../message/expiry.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { Report } from '../sessionEvents.js';
import { createLanes } from './lanes.js';

/** What is to be sent: it waits here by priority, and stays known until it is done. Tells of every step of each message. */
export function createOutbox(maxQueued: number, scheduler: SchedulerLike, report: Report) {
  const { push, shiftMostUrgent, shiftLeastUrgent } = createLanes();
  const pending = new Set<string>();
  const inFlight = new Map<string, Message>();
  const settled$ = new Subject<void>();

  const tell = (receipt: Receipt): void => {
    report({ kind: 'receipt', receipt });
    if (receipt.error) report({ kind: 'error', error: receipt.error });
  };
  const settle = (id: string, receipt?: Receipt): void => {
    pending.delete(id);
    inFlight.delete(id);
    if (receipt) tell(receipt);
    settled$.next();
  };
  const drop = (id: string, reason: DropReason): void =>
    settle(id, { id, status: reason === 'expired' ? reason : 'dead', error: new MessageDroppedError(id, reason) });

  return {
    /** Messages that are not done: they wait, or are in flight. */
    pending: pending as ReadonlySet<string>,
    /** What was taken and is not done, in order. */
    inFlight: inFlight as ReadonlyMap<string, Message>,
    /** Emits when a message is done. */
    settled$,
    /** A message that is here already is the same message. */
    accept: (message: Message): void => {
      const { id } = message;
      if (pending.has(id)) return;
      pending.add(id);
      push(message);
      tell({ id, status: 'queued' });
      const dropped = pending.size - inFlight.size > maxQueued && shiftLeastUrgent();
      if (dropped) drop(dropped.id, 'overflow');
    },
    /** The next to send, if any. What has expired meanwhile is dropped. */
    take: (): Message | undefined => {
      let message = shiftMostUrgent();
      for (; message && isExpired(message, scheduler.now()); message = shiftMostUrgent()) drop(message.id, 'expired');
      if (message) inFlight.set(message.id, message);
      return message;
    },
    /** Passes a receipt on. */
    tell,
    /** A message is done; passes its last receipt on, unless that was told before. */
    settle,
    /** Drops all that is not done. */
    abandon: () => pending.forEach((id) => drop(id, 'closed')),
  };
}
