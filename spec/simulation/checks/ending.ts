import type { Attended } from '../attend.js';
import { isDone, type Entry, type Journal } from '../journal.js';
import type { OutboxRecord } from '../outbox.js';
import type { Violate } from './violation.js';

export interface EndingOptions {
  readonly journal: Journal;
  readonly applications: readonly Attended[];
  /** Those whose outbox was taken over. */
  readonly former: readonly Attended[];
  /** Those whose owners are here. */
  readonly outboxes: readonly OutboxRecord[];
  readonly violate: Violate;
}

/** Called when the faults have stopped for long enough. */
export function checkDrained({ journal, applications, former, outboxes, violate }: EndingOptions): void {
  for (const { life, unsettled } of applications) {
    if (unsettled.size > 0) violate('drains', `${life.name} still has ${[...unsettled].join(' ')}`);
  }
  for (const { life, isEnded } of former) if (!isEnded()) violate('attachment', `${life.name} was taken over, and still has its wire`);
  for (const { batches } of outboxes) {
    if (batches.length > 0) violate('drains', `an outbox still has the numbers from ${batches[0]?.first} on`);
  }
  for (const entry of journal.entries.values()) checkOutcome(entry, violate);
}

/** Called when the client has said goodbye. */
export function checkGone(applications: readonly Attended[], violate: Violate): void {
  for (const { life, isEnded } of applications) {
    if (!isEnded()) violate('drains', `the wire of ${life.name} does not end`);
    if (life.waiting() > 0) violate('bounded', `${life.name} has ${life.waiting()} timers and tasks after its end`);
  }
}

function checkOutcome(entry: Entry, violate: Violate): void {
  const { message, sender, outcomes, level } = entry;
  const isLost = outcomes.size === 0;
  if (isLost && sender.life.isAlive() && !entry.isStored) violate('outcome', `nothing became of ${message.id}`);
  const isAcked = [...outcomes.values()].includes('acked');
  if (isAcked && !isDone(entry) && ![...outcomes.values()].includes('expired')) violate(level === 'exactly-once' ? 'exactlyOnce' : 'atLeastOnce', `${message.id} was acked, and had no effect`);
}
