import type { Outcome } from './claims.js';
import type { Progress } from './progress.js';
import type { Inbox } from './store/inbox.js';
import type { Wait } from './storing.js';

export interface CommitsOptions {
  readonly inbox: Inbox;
  /** Whose messages they are. */
  readonly pid: () => string;
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
export function createCommits({ inbox, pid, wait, onDone, onFailed }: CommitsOptions) {
  let settled: Settled[] = [];
  let isCommitting = false;

  const commit = (group: readonly Settled[], then: () => void): void => {
    const [{ progress }] = group as [Settled];
    const cursor = progress.cursorWith(group.map(({ number }) => number));
    const done = (): void => {
      for (const { number } of group) progress.mark(number);
      onDone();
      then();
    };
    const failed = (error: unknown): void => {
      // One effect must not take the others with it.
      if (group.length > 1) return oneByOne(group, then);
      const listeners = group.flatMap(({ outcomes }) => outcomes.flatMap(({ onFailed: told }) => told ?? []));
      if (listeners.length === 0) onFailed(error);
      for (const told of listeners) told(error);
      then();
    };
    wait(
      () =>
        inbox.commit(
          pid(),
          cursor,
          group.flatMap(({ outcomes }) => outcomes),
        ),
      done,
      failed,
    );
  };
  const oneByOne = ([first, ...others]: readonly Settled[], then: () => void): void => {
    if (first) commit([first], () => oneByOne(others, then));
    else then();
  };
  const next = (): void => {
    const group = settled;
    settled = [];
    isCommitting = group.length > 0;
    if (isCommitting) commit(group, next);
  };

  return {
    add: (number: number, outcomes: readonly Outcome[], progress: Progress): void => void settled.push({ number, outcomes, progress }),
    /** Begins to commit what was added. */
    run: (): void => {
      if (!isCommitting) next();
    },
  };
}
