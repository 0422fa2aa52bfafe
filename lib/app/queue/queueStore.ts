import type { Observable } from 'rxjs';
import type { StoreError } from '../../errors.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';

/** A stored message that waits in a queue or is being processed. */
export interface QueuedMessage {
  /** The position in the queue. Later messages have higher ones. */
  readonly place: number;
  readonly message: Message;
  /** The time at which the message was added, in ms since the epoch. */
  readonly since: number;
}

/**
 * The stored state of one queue. Results are synchronous, or Observables that work when they are
 * subscribed to.
 */
export interface QueueLog {
  /**
   * Becomes the owner and returns the unfinished messages in order of their places. Unreadable
   * records are skipped and reported in `faults$`.
   */
  open(): MaybeAsync<readonly QueuedMessage[]>;
  /**
   * Adds and removes messages in one transaction; the result is available when it is durable. Calls
   * do not overlap.
   *
   * @param removed Places; some of them may not be stored.
   * @throws {StoreError} Delivered, and nothing is stored: `quota` if there is no space, `fenced`
   *   if there is a newer owner.
   */
  write(added: readonly QueuedMessage[], removed: readonly number[]): MaybeAsync<void>;
  /** Releases the queue. A running write may still finish. */
  close(): void;
  /** Reports faults that no call causes: unreadable records, an evicted database, a newer owner. */
  readonly faults$?: Observable<StoreError>;
}

/** Stores queues beyond the end of the process. */
export interface QueueStore {
  /** Returns the stored state of the queue with this name. */
  queue(name: string): QueueLog;
}
