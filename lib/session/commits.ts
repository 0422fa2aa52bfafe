import { createRing } from '../internal/ring.js';
import { tellFailed, type Outcome } from './claims.js';
import type { Progress } from './progress.js';
import type { Inbox } from './store/inbox.js';
import type { Wait } from './storing.js';

export interface CommitsOptions {
  readonly inbox: Inbox;
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
  readonly add: (number: number, outcomes: readonly Outcome[], progress: Progress) => void;
  /** Begins to commit what was added. */
  readonly run: () => void;
  readonly isIdle: () => boolean;
  /** Begins nothing more, and tells those who wait. */
  readonly abandon: () => void;
}

export function createCommits({ inbox, wait, onDone, onFailed }: CommitsOptions): Commits {
  let settled: Settled[] = [];
  /** They were together, and could not be committed so: one effect must not take the others with it. */
  let alone = createRing<Settled>();
  let committing: readonly Settled[] = [];
  let isRunning = false;

  const take = (): readonly Settled[] => {
    const one = alone.shift();
    return one ? [one] : takeGroup(settled);
  };
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
      const group = (committing = take());
      const [first] = group;
      if (!first) break;
      const { progress } = first;
      const cursor = progress.cursorWith(group.map(({ number }) => number));
      wait(() => inbox.commit(progress.pid, cursor, outcomesOf(group)), done, failed);
    }
    isRunning = false;
  };

  return {
    add: (number, outcomes, progress) => void settled.push({ number, outcomes, progress }),
    run,
    isIdle: () => settled.length + alone.size + committing.length === 0,
    abandon() {
      const all = [...committing, ...alone.values(), ...settled];
      settled = [];
      alone = createRing();
      for (const outcome of outcomesOf(all)) outcome.onAbandoned?.();
    },
  };
}

/** What an earlier session has left has a cursor of its own. */
function takeGroup(settled: Settled[]): readonly Settled[] {
  const end = settled.findIndex(({ progress }) => progress !== settled[0]?.progress);
  return settled.splice(0, end < 0 ? settled.length : end);
}

function outcomesOf(group: readonly Settled[]): readonly Outcome[] {
  return group.flatMap(({ outcomes }) => outcomes);
}
