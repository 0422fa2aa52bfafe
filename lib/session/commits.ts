import type { SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../internal/coalescedTimer.js';
import { createRing, type Ring } from '../internal/ring.js';
import { tellFailed, type Outcome } from './claims.js';
import { cursorWith, type Progress } from './progress.js';
import type { Inbox } from './store/inbox.js';
import type { Wait } from './storing.js';

export interface CommitsOptions {
  readonly inbox: Inbox;
  /** When what was settled in one go is committed. */
  readonly microtask: SchedulerLike;
  readonly wait: Wait;
  /** Told when something is done. */
  readonly onDone: () => void;
  /** Told when the inbox fails, and nobody else wants to know. */
  readonly onFailed: (error: unknown) => void;
}

interface Settled {
  readonly number: number;
  readonly outcomes: readonly Outcome[];
  readonly progress: Progress;
}

/** Makes what is processed durable, with what it brings about: one transaction at a time, for all that has come to its end meanwhile. */
export interface Commits {
  /** What is added is committed with all that is by the end of the microtask. */
  readonly add: (number: number, outcomes: readonly Outcome[], progress: Progress) => void;
  readonly isIdle: () => boolean;
  /** Begins nothing more, and tells those who wait. */
  readonly abandon: () => void;
}

export function createCommits({ inbox, microtask, wait, onDone, onFailed }: CommitsOptions): Commits {
  let settled: Settled[] = [];
  /** They were together, and could not be committed so: one effect must not take the others with it. */
  let alone = createRing<Settled>();
  let committing: readonly Settled[] = [];
  let isRunning = false;

  const done = (): void => {
    const group = committing;
    committing = [];
    for (const { number, progress } of group) progress.mark(number);
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
  // A loop, not a recursion: an inbox that answers at once comes back here.
  const run = (): void => {
    if (isRunning) return;
    isRunning = true;
    while (committing.length === 0) {
      const group = (committing = takeGroup(alone, settled));
      const [first] = group;
      if (!first) break;
      const { progress } = first;
      const cursor = cursorWith(
        progress,
        group.map(({ number }) => number),
      );
      wait(() => inbox.commit(progress.pid, cursor, outcomesOf(group)), done, failed);
    }
    isRunning = false;
  };
  const turn = createCoalescedTimer(microtask, run);

  return {
    add(number, outcomes, progress) {
      settled.push({ number, outcomes, progress });
      turn.set(0);
    },
    isIdle: () => settled.length + alone.size + committing.length === 0,
    abandon() {
      const all = [...committing, ...alone.values(), ...settled];
      [settled, alone] = [[], createRing()];
      for (const outcome of outcomesOf(all)) outcome.onAbandoned?.();
    },
  };
}

/** What an earlier session has left has a cursor of its own. */
function takeGroup(alone: Ring<Settled>, settled: Settled[]): readonly Settled[] {
  const one = alone.shift();
  if (one) return [one];
  const end = settled.findIndex(({ progress }) => progress !== settled[0]?.progress);
  return settled.splice(0, end < 0 ? settled.length : end);
}

function outcomesOf(group: readonly Settled[]): readonly Outcome[] {
  return group.flatMap(({ outcomes }) => outcomes);
}
