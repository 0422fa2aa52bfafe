import type { StoredBatch } from '../../../lib/stores/outboxStore.js';
import type { Attended } from '../attend.js';
import { codecs } from '../context.js';
import { isDone, type Entry, type Journal } from '../journal.js';
import type { OutboxRecord } from '../outbox.js';
import type { Plan } from '../plan.js';
import { idsIn } from './spaces.js';
import type { Violate } from './violation.js';

export interface EndingOptions {
  readonly journal: Journal;
  readonly plan: Plan;
  readonly applications: readonly Attended[];
  /** Those whose outbox was taken over. */
  readonly former: readonly Attended[];
  /** Those whose owners are here. */
  readonly outboxes: readonly OutboxRecord[];
  readonly violate: Violate;
}

/** Called when the faults have stopped for long enough. */
export function checkDrained({ journal, applications, former, outboxes, plan, violate }: EndingOptions): void {
  for (const { life, unsettled } of applications) {
    if (unsettled.size > 0) violate('drains', `${life.name} still has ${[...unsettled].join(' ')}`);
  }
  for (const { life, isEnded } of former) if (!isEnded()) violate('attachment', `${life.name} was taken over, and still has its wire`);
  for (const outbox of outboxes) {
    const batches = owedIn(outbox, journal, plan);
    if (batches.length > 0) violate('drains', `an outbox still has the numbers from ${batches[0]?.first} on`);
  }
  for (const entry of journal.entries.values()) checkOutcome(entry, plan, violate);
}

/** Called when one side has said goodbye. */
export function checkGone(applications: readonly Attended[], violate: Violate): void {
  for (const { life, isEnded } of applications) {
    if (!isEnded()) violate('drains', `the wire of ${life.name} does not end`);
    if (life.waiting() > 0) violate('bounded', `${life.name} has ${life.waiting()} timers and tasks after its end`);
  }
}

/** Checks that the messages are processed that a side has sent just before it said goodbye. */
export function checkLast({ life, last }: Attended, { of }: Journal, violate: Violate): void {
  for (const id of last) if (!isDone(of(id))) violate('drains', `${id} is not processed, which ${life.name} sent before its goodbye`);
}

function checkOutcome(entry: Entry, plan: Plan, violate: Violate): void {
  const { message, sender, outcomes, level } = entry;
  // Messages that the outbox keeps when a wire ends have no last receipt. Nobody knows what becomes of those that it was just storing then.
  const mayBeStored = (entry.isStored || entry.isBeingStored) && sender.isEnded();
  const isUnwatched = !plan[sender.side].isWatched;
  if (outcomes.size === 0 && !entry.isLate && sender.life.isAlive() && !mayBeStored && !isUnwatched)
    violate('outcome', `nothing became of ${message.id}`);
  const isAcked = [...outcomes.values()].includes('acked');
  const lost = level === 'exactly-once' ? 'exactlyOnce' : 'atLeastOnce';
  if (isAcked && !isDone(entry) && !isExpired(entry)) violate(lost, `${message.id} was acked, and had no effect`);
  // An outcome is told when it is stored: a process that ends in between does not tell it.
  const mayBeSilent = isUnwatched ? isDone(entry) : !sender.life.isAlive() && isDone(entry);
  if (entry.isStored && sender.side === 'client' && outcomes.size === 0 && !mayBeSilent && entry.settledBy?.isAlive() !== false)
    violate(lost, `${message.id} was stored, and is lost`);
}

const isExpired = ({ outcomes }: Entry): boolean => [...outcomes.values()].includes('expired');

/** Returns the batches of an outbox that are still to be delivered. One that could not remove what is acked keeps it until an ack comes that is higher. */
export function owedIn({ batches }: OutboxRecord, { of }: Journal, { stores, codec }: Plan): readonly StoredBatch[] {
  const isOver = (id: string): boolean => isDone(of(id)) || of(id).outcomes.size > 0;
  return stores ? batches.filter(({ body }) => !idsIn(body, codecs[codec]).every(isOver)) : batches;
}
