import type { Subscription } from 'rxjs';
import type { Outcome, Terms } from './claims.js';
import type { CommitsOptions } from './commits.js';
import type { Durable } from './durable.js';
import type { Progress } from './progress.js';
import type { Inbox } from './store/inbox.js';

export interface SettlingOptions extends Omit<CommitsOptions, 'inbox'> {
  readonly inbox: Inbox | undefined;
  readonly durability: Durable | undefined;
  /** Ends with the session. */
  readonly life: Subscription;
}

/**
 * Marks what is processed: where there is an inbox, once that has written it, with all that was settled by the end of the microtask. Nothing
 * is begun when the session has ended: the next one may have the message already.
 */
export interface Settling extends Terms {
  /** Takes a number that is processed, and how that ended. */
  readonly onSettled: (number: number, outcomes: readonly Outcome[], progress: Progress) => void;
  /** Whether nothing is still to be written. */
  readonly isIdle: () => boolean;
}

export function createSettling({ inbox, durability, life, ...options }: SettlingOptions): Settling {
  const commits = inbox && durability?.createCommits({ ...options, inbox });
  let isOver = false;

  life.add(() => {
    isOver = true;
    commits?.abandon();
  });

  return {
    canWrite: commits !== undefined,
    isOver: () => isOver,
    isIdle: () => commits?.isIdle() ?? true,
    onSettled(number, outcomes, progress) {
      if (isOver) for (const { onAbandoned } of outcomes) onAbandoned?.();
      else if (commits) commits.add(number, outcomes, progress);
      else {
        progress.mark(number);
        options.onDone();
        for (const { onDone } of outcomes) onDone?.();
      }
    },
  };
}
