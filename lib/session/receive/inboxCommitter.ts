import { mergeMap, type Observable, type SchedulerLike } from 'rxjs';
import { StoreError } from '../../errors.js';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import { asObservable, type MaybePromise } from '../../internal/maybeAsync.js';
import { createRing, type Ring } from '../../internal/ring.js';
import type { Wait } from '../serialTask.js';
import type { Completion, Inbox, InboxLease, NumberedRejection } from '../store/inbox.js';
import { storeErrorOf } from '../store/storeErrorOf.js';
import type { AckTracker } from './ackTracker.js';
import { rejectionIn, tellFailed, type Outcome } from './delivery.js';

export interface InboxCommitterOptions {
  readonly inbox: Inbox;
  /**
   * Returns an Observable for which commits wait: it emits when the record of the client is stored.
   * @default no commit waits
   */
  readonly recorded?: () => Observable<void> | undefined;
  /** Schedules the commit of all messages that were settled in one run. */
  readonly microtask: SchedulerLike;
  readonly wait: Wait;
  /**
   * Called with the rejected messages that are committed, before their numbers are marked as
   * processed.
   */
  readonly onRejected: (rejections: readonly NumberedRejection[], tracker: AckTracker) => void;
  /** Called when messages are committed. */
  readonly onDone: () => void;
  /**
   * Called when the inbox fails: the session must end. Also when an effect has failed whose outcome
   * has no `onFailed`.
   */
  readonly onFailed: (error: unknown) => void;
}

interface Settled {
  readonly number: number;
  readonly outcomes: readonly Outcome[];
  readonly tracker: AckTracker;
}

/**
 * Commits processed messages with their effects: one transaction at a time, for all messages that
 * were settled meanwhile.
 */
export interface InboxCommitter {
  /** Commits a message together with all others that are settled by the end of the microtask. */
  readonly add: (number: number, outcomes: readonly Outcome[], tracker: AckTracker) => void;
  readonly isIdle: () => boolean;
  /**
   * Returns whether the inbox has failed, perhaps because another session has claimed the sender:
   * then nothing more may be acked.
   */
  readonly hasFailed: () => boolean;
  /** Starts no further transaction, and calls `onAbandoned` of all waiting outcomes. */
  readonly abandon: () => void;
}

export function createInboxCommitter({
  inbox,
  recorded,
  microtask,
  wait,
  onRejected,
  onDone,
  onFailed,
}: InboxCommitterOptions): InboxCommitter {
  let settled: Settled[] = [];
  /**
   * Messages whose common transaction has failed. They are committed one by one: a failing effect
   * must not affect the others.
   */
  let alone = createRing<Settled>();
  let committing: readonly Settled[] = [];
  let isRunning = false;
  let hasFailed = false;
  /** Whether an effect of the transaction has failed. */
  let hasThrown = false;
  const onThrow = (): void => void (hasThrown = true);

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
    // A failure of the store is none of the handlers. The session ends, and abandons the group: the
    // store may have another owner.
    if (!hasThrown || error instanceof StoreError) {
      hasFailed = true;
      onFailed(storeErrorOf('inbox', error));
      return;
    }
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
      hasThrown = false;
      const commit = (): MaybePromise<void> => inbox.commit(tracker.lease as InboxLease, cursor, watched(outcomesOf(group), onThrow));
      const recorded$ = recorded?.();
      wait(recorded$ ? () => recorded$.pipe(mergeMap(() => asObservable(commit))) : commit, done, failed);
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
    hasFailed: () => hasFailed,
    abandon() {
      const all = [...committing, ...alone.values(), ...settled];
      settled = [];
      alone = createRing();
      for (const outcome of outcomesOf(all)) outcome.onAbandoned?.();
    },
  };
}

/**
 * Removes and returns the messages of one transaction. Messages of an earlier session have another
 * cursor.
 */
function takeGroup(alone: Ring<Settled>, settled: Settled[]): readonly Settled[] {
  const one = alone.shift();
  if (one) return [one];
  const end = settled.findIndex(({ tracker }) => tracker !== settled[0]?.tracker);
  return settled.splice(0, end < 0 ? settled.length : end);
}

function rejectionsIn(group: readonly Settled[]): readonly NumberedRejection[] {
  return group.flatMap(({ number, outcomes }) => rejectionIn(number, outcomes) ?? []);
}

/**
 * Returns completions that call `onThrow` when one of their effects fails: it throws, or it is
 * asynchronous, which no inbox supports.
 */
function watched(outcomes: readonly Outcome[], onThrow: () => void): readonly Completion<unknown>[] {
  return outcomes.map((outcome) => {
    const { effect } = outcome as { readonly effect?: (transaction: unknown) => unknown };
    if (!effect) return outcome;
    const run = (transaction: unknown): unknown => {
      try {
        const returned = effect(transaction);
        if (returned instanceof Promise) onThrow();
        return returned;
      } catch (error) {
        onThrow();
        throw error;
      }
    };
    return { ...outcome, effect: run, onEffectFailed: onThrow };
  });
}

function outcomesOf(group: readonly Settled[]): readonly Outcome[] {
  return group.flatMap(({ outcomes }) => outcomes);
}
