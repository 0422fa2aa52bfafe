import type { SchedulerLike } from 'rxjs';
import {
  UndeliveredError,
  DrainTimeoutError,
  MessageDroppedError,
  OverflowError,
  StoreError,
  type MessageRefusedError,
  type UndeliveredMessages,
} from '../message/errors.js';
import { lossKeyOf } from '../message/development.js';
import { reportUncaught } from '../message/errors/reportUncaught.js';
import { MAX_IDS } from '../message/errors/undeliveredErrors.js';
import type { OverflowPolicy } from '../operators/buffers/priorityQueue.js';

/**
 * Returns a function that tells whether a message was lost because there was no room for it, its
 * store failed, or the other side has no hub for it. A drop is no loss if the application has
 * chosen a policy that drops messages.
 */
export function overflowTest(policy: OverflowPolicy | undefined): (error: Error) => boolean {
  const isChosen = policy !== undefined && policy !== 'error';
  return (error) =>
    isOverflow(error)
      ? !isChosen
      : error instanceof OverflowError || error instanceof StoreError || (error as Partial<MessageRefusedError>).reason === 'no-hub';
}

/** Returns whether a policy has dropped a message because there was no room. */
export function isOverflow(error: Error): boolean {
  return error instanceof MessageDroppedError && error.reason === 'overflow';
}

/** The messages that were lost because of no room, a store that failed, or no hub. */
export interface Losses extends UndeliveredMessages {
  count: number;
  readonly ids: string[];
}

/** Counts a lost message. Returns `losses`, or new ones. */
export function addLoss(id: string, losses: Losses = { count: 0, ids: [], kept: 0 }): Losses {
  losses.count++;
  if (losses.ids.length < MAX_IDS) losses.ids.push(id);
  return losses;
}

/** Returns the error with which the wire ends: it counts the lost messages as well. */
export function withLosses(error: unknown, losses: Losses | undefined): unknown {
  if (!losses || !(error instanceof UndeliveredError)) return error;
  const all: UndeliveredMessages = { count: losses.count + error.count, ids: [...losses.ids, ...error.ids], kept: error.kept };
  return error instanceof DrainTimeoutError ? new DrainTimeoutError(all, error.timeout) : new UndeliveredError(all);
}

export type UnseenFailures = ReturnType<typeof createUnseenFailures>;

/** The messages that were lost for one cause, and are not reported yet. */
interface Cause extends Losses {
  error: unknown;
  /** Whether some were reported. */
  isReported?: boolean;
}

/**
 * Reports the failures as uncaught errors, one for each cause: once while the wire lives, and once
 * at its end for the messages that were lost since.
 *
 * @param isLoss Returns whether the error at the end of the wire counts a message, too.
 */
export function createUnseenFailures(
  scheduler: SchedulerLike,
  wire: { readonly isEnding: boolean; isShown(id?: string): boolean },
  isLoss: (error: Error) => boolean,
) {
  /** The cause of the key '' is the failure of the wire. */
  const causes = new Map<string, Cause>();
  let isFailed = false;
  /** The number of subscribers and callers that receive the failure of the wire. */
  let receivers = 0;
  let isScheduled = false;
  /** Set at the end of the wire: its streams have no subscribers afterwards. */
  let wasShown: boolean | undefined;

  const report = (): void => {
    isScheduled = false;
    const isOpen = wasShown === undefined;
    // While the wire drains, its end follows.
    if (receivers > 0 || (isOpen && wire.isEnding)) return;
    const failure = isFailed && causes.get('');
    isFailed = false;
    const isUndelivered = failure && failure.error instanceof UndeliveredError;
    if (failure && (isUndelivered || failure.count === 0)) reportUncaught(failure.error, true);
    for (const cause of causes.values()) {
      const { error, count, isReported } = cause;
      if (count === 0 || (isOpen && isReported)) continue;
      if (!isUndelivered || (cause !== failure && !isLoss(error as Error)))
        reportUncaught(Object.assign(new UndeliveredError(cause, undefined, { isOpen }), { cause: error }), true);
      cause.isReported = true;
      cause.count = cause.ids.length = 0;
    }
  };
  /** Callers that ignore a promise are known some microtasks later. */
  const schedule = (): void => {
    if (isScheduled || receivers > 0 || causes.size === 0) return;
    isScheduled = true;
    scheduler.schedule(report);
  };
  const causeAt = (key: string, error: unknown): Cause => {
    const cause = causes.get(key) ?? { count: 0, ids: [], kept: 0, error };
    causes.set(key, cause);
    return cause;
  };
  const add = (id: string, error: unknown): void => {
    if (wasShown ?? wire.isShown(id)) return;
    addLoss(id, causeAt(lossKeyOf(error, causes), error));
    schedule();
  };

  return {
    add,
    /** A caller does not await the promise of a message that has failed. */
    ignored(id: string, error: unknown, isLost: boolean): void {
      receivers--;
      if (isLost) add(id, error);
      schedule();
    },
    /** A subscriber does not handle an error that `errors$` reports. */
    unhandled(error: unknown): void {
      if (!(wasShown ?? wire.isShown())) reportUncaught(error);
    },
    /** Counts a subscriber that receives the failure; -1: one that passes it back to the wire. */
    received(count: 1 | -1): void {
      receivers += count;
      schedule();
    },
    /**
     * The wire ends.
     *
     * @param failure Its failure; `undefined` if it was completed, or unsubscribed.
     * @param receiving How many subscribers and callers receive the failure.
     * @param isWanted Whether the program gives up the remaining messages.
     */
    end(failure: { readonly error: unknown } | undefined, receiving: number, isWanted: boolean): void {
      wasShown = isWanted || wire.isShown();
      if (failure && !wasShown) {
        isFailed = true;
        causeAt('', undefined).error = failure.error;
        receivers = receiving;
      }
      schedule();
    },
  };
}
