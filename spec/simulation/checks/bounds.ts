import type { Attended } from '../attend.js';
import { MOST_STORED, type OutboxRecord } from '../outbox.js';
import type { Plan } from '../plan.js';
import { other, type Side } from '../network.js';
import type { Violate } from './violation.js';

/** A batch, which may be above a limit alone. */
const BATCH = 256;
/** Timers and tasks that one wire and its connections may have. */
const TASKS = 20;

/** What waits in an application and its wire. */
export function checkApplication(side: Side, { unsettled, claimed, life }: Attended, wires: number, plan: Plan, violate: Violate): void {
  const { maxQueued, window } = plan[side];
  // Two queues, by level; and what has a number: as much as the outbox takes, or the other side.
  const mostSent = 2 * maxQueued + 1 + Math.max(MOST_STORED, plan[other(side)].window) + BATCH;
  if (unsettled.size > mostSent) violate('bounded', `${life.name} has ${unsettled.size} messages that are not done`);
  const mostClaimed = Math.max(window, BATCH);
  if (claimed() > mostClaimed) violate('bounded', `${life.name} has ${claimed()} messages to handle`);
  const mostTasks = TASKS * (wires + 1) + claimed();
  if (life.waiting() > mostTasks) violate('bounded', `${life.name} has ${life.waiting()} timers and tasks`);
}

/** What is on a disk. */
export function checkOutbox(owner: string, { batches }: OutboxRecord, violate: Violate): void {
  const messages = batches.reduce((sum, { count }) => sum + count, 0);
  if (messages > MOST_STORED + BATCH) violate('bounded', `the outbox of ${owner} has ${messages} messages`);
}
