import type { SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import { createRing, type Ring } from '../../internal/ring.js';
import type { Wait } from '../serialTask.js';
import type { Inbox, NumberedRejection } from '../store/inbox.js';
import type { AckTracker } from './ackTracker.js';
import { rejectionIn, tellFailed, type Outcome } from './delivery.js';

export interface InboxCommitterOptions {
  readonly inbox: Inbox;
  /** Schedules the commit of all messages that were settled in one run. */
  readonly microtask: SchedulerLike;
  readonly wait: Wait;
  /** Called with the rejected messages that are committed, before their numbers are marked as processed. */
  readonly onRejected: (rejections: readonly NumberedRejection[], tracker: AckTracker) => void;
  /** Called when messages are committed. */
  readonly onDone: () => void;
  /** Called when the inbox fails, and no outcome has an `onFailed`. */
  readonly onFailed: (error: unknown) => void;
}

interface Settled {
  readonly number: number;
  readonly outcomes: readonly Outcome[];
  readonly tracker: AckTracker;
}

/** Commits processed messages with their effects: one transaction at a time, for all messages that were settled meanwhile. */
export interface InboxCommitter {
  /** Commits a message together with all others that are settled by the end of the microtask. */
  readonly add: (number: number, outcomes: readonly Outcome[], tracker: AckTracker) => void;
  readonly isIdle: () => boolean;
  /** Starts no further transaction, and calls `onAbandoned` of all waiting outcomes. */
  readonly abandon: () => void;
}

export function createInboxCommitter({ inbox, microtask, wait, onRejected, onDone, onFailed }: InboxCommitterOptions): InboxCommitter {
  let settled: Settled[] = [];
  /** Messages whose common transaction has failed. They are committed one by one: a failing effect must not affect the others. */
  let alone = createRing<Settled>();
  let committing: readonly Settled[] = [];
  let isRunning = false;

  const done = (): void => {
    const group = committing;
    committing = [];
    const rejections = rejectionsIn(group);
    if (rejections.length > 0) onRejected(rejections, (group[0] as Settled).tracker);
    for (const { number, tracker } of group) tracker.mark(number);
    onDone();
    for (const outcome of outcomesOf(group)) outcome.onDone?.();
    run();
  };
  const failed = (error: unknown): void => {
    const group = committing;
    committing = [];
    if (group.length > 1) for (const one of group) alone.push(one);
    else if (!tellFailed(outcomesOf(group), error)) onFailed(error);
    run();
  };
  // A loop, not a recursion: a synchronous inbox calls back from here.
  const run = (): void => {
    if (isRunning) return;
    isRunning = true;
    while (committing.length === 0) {
      const group = (committing = takeGroup(alone, settled));
      const [first] = group;
      if (!first) break;
      const { tracker } = first;
      const cursor = tracker.cursorWith(
        group.map(({ number }) => number),
        rejectionsIn(group),
      );
      wait(() => inbox.commit(tracker.pid, cursor, outcomesOf(group)), done, failed);
    }
    isRunning = false;
  };
  const turn = createCoalescedTimer(microtask, run);

  return {
    add(number, outcomes, tracker) {
      settled.push({ number, outcomes, tracker });
      turn.set(0);
    },
    isIdle: () => settled.length + alone.size + committing.length === 0,
    abandon() {
      const all = [...committing, ...alone.values(), ...settled];
      settled = [];
      alone = createRing();
      for (const outcome of outcomesOf(all)) outcome.onAbandoned?.();
    },
  };
}

/** Removes and returns the messages of one transaction. Messages of an earlier session have another cursor. */
function takeGroup(alone: Ring<Settled>, settled: Settled[]): readonly Settled[] {
  const one = alone.shift();
  if (one) return [one];
  const end = settled.findIndex(({ tracker }) => tracker !== settled[0]?.tracker);
  return settled.splice(0, end < 0 ? settled.length : end);
}

function rejectionsIn(group: readonly Settled[]): readonly NumberedRejection[] {
  return group.flatMap(({ number, outcomes }) => rejectionIn(number, outcomes) ?? []);
}

function outcomesOf(group: readonly Settled[]): readonly Outcome[] {
  return group.flatMap(({ outcomes }) => outcomes);
}
