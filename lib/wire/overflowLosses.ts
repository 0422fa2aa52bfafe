import {
  DrainTimeoutError,
  MessageDroppedError,
  OverflowError,
  StoreError,
  UndeliveredError,
  type UndeliveredMessages,
} from '../errors.js';
import { MAX_IDS } from '../errors/deliveryErrors.js';
import type { OverflowPolicy } from '../internal/priorityQueue.js';

/**
 * Returns a function that tells whether a message was lost because there was no room for it, or its
 * store failed. A drop is no loss if the application has chosen a policy that drops messages.
 */
export function overflowTest(policy: OverflowPolicy | undefined): (error: Error) => boolean {
  const isChosen = policy !== undefined && policy !== 'error';
  return (error) => (isOverflow(error) ? !isChosen : error instanceof OverflowError || error instanceof StoreError);
}

/** Returns whether a policy has dropped a message because there was no room. */
export function isOverflow(error: Error): boolean {
  return error instanceof MessageDroppedError && error.reason === 'overflow';
}

/**
 * The messages of a wire that were lost because there was no room for them, or the store failed.
 */
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
