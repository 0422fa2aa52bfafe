import { finalize, NEVER, noop, type SchedulerLike } from 'rxjs';
import { UnsupportedError } from '../errors.js';
import { createAlarm } from '../internal/alarm.js';
import { tellFailed, type Outcome } from './claims.js';
import { createCommits, type CommitsOptions } from './commits.js';
import type { Progress } from './progress.js';
import type { Inbox } from './store/inbox.js';

export interface SettlingOptions extends Omit<CommitsOptions, 'inbox'> {
  readonly inbox: Inbox | undefined;
  readonly microtask: SchedulerLike;
}

/** Takes a number that is processed, and how that ended. */
export type OnSettled = (number: number, outcomes: readonly Outcome[], progress: Progress) => void;

/**
 * Marks what is processed: where there is an inbox, once that has written it, with all that was settled by the end of the microtask. Nothing
 * is begun when the session has ended: the next one may have the message already.
 */
export function createSettling({ inbox, microtask, ...options }: SettlingOptions): OnSettled {
  const { wait, onDone, onFailed } = options;
  const commits = inbox && createCommits({ ...options, inbox });
  const commitSoon = createAlarm(microtask, () => commits?.run());
  let isEnded = false;

  const end = (): void => {
    isEnded = true;
    commits?.abandon();
  };
  wait(() => NEVER.pipe(finalize(end)), noop, noop);

  const settleHere: OnSettled = (number, outcomes, progress) => {
    if (outcomes.some(({ effect }) => effect)) {
      const error = new UnsupportedError('an effect without an inbox to write it');
      if (!tellFailed(outcomes, error)) onFailed(error);
      return;
    }
    progress.mark(number);
    onDone();
    for (const outcome of outcomes) outcome.onDone?.();
  };
  return (number, outcomes, progress) => {
    if (isEnded) for (const { onAbandoned } of outcomes) onAbandoned?.();
    else if (commits) {
      commits.add(number, outcomes, progress);
      commitSoon.set(0);
    } else settleHere(number, outcomes, progress);
  };
}
