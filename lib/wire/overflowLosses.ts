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
  return (error) => {
    if (error instanceof MessageDroppedError) return error.reason === 'overflow' && !isChosen;
    return error instanceof OverflowError || error instanceof StoreError;
  };
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
    /** Returns the error with which the wire ends: it counts these messages as well. */
    endOf(error?: unknown): unknown {
      if (error === undefined) return new UndeliveredError({ count: lost, ids, kept: 0 });
      return error instanceof UndeliveredError ? including(error) : error;
    },
  };

  function including(error: UndeliveredError): RxwireError {
    const all: UndeliveredMessages = { count: lost + error.count, ids: [...ids, ...error.ids], kept: error.kept };
    return error instanceof DrainTimeoutError ? new DrainTimeoutError(all, error.timeout) : new UndeliveredError(all);
  }
}
