import {
  DrainTimeoutError,
  MessageDroppedError,
  OverflowError,
  StoreError,
  UndeliveredError,
  type RxwireError,
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
 * Counts the messages of a wire that were lost because there was no room for them, or the store
 * failed.
 */
export function createOverflowLosses() {
  const ids: string[] = [];
  let lost = 0;

  return {
    add(id: string): void {
      lost++;
      if (ids.length < MAX_IDS) ids.push(id);
    },
    /**
     * Returns the error with which the wire ends: it counts these messages as well.
     *
     * @param cause The reason why they were lost.
     */
    endOf(error?: unknown, cause?: unknown): unknown {
      if (error === undefined) return Object.assign(new UndeliveredError({ count: lost, ids, kept: 0 }), { cause });
      return error instanceof UndeliveredError ? including(error) : error;
    },
  };

  function including(error: UndeliveredError): RxwireError {
    const all: UndeliveredMessages = { count: lost + error.count, ids: [...ids, ...error.ids], kept: error.kept };
    return error instanceof DrainTimeoutError ? new DrainTimeoutError(all, error.timeout) : new UndeliveredError(all);
  }
}
