import type { Observable } from 'rxjs';
import type { StoreError } from '../../errors.js';
import type { Later } from '../../internal/later.js';
import type { Message } from '../../message/types.js';

/** A message that waits in a queue, or is being processed, as it is stored. */
export interface QueuedMessage {
  /** Its place in line: one that came later has a higher one. */
  readonly place: number;
  readonly message: Message;
  /** Since when it waits, in ms since the epoch. */
  readonly since: number;
}

/** What is kept of one queue. All of it answers at once where it can, and with an Observable that works once it is subscribed otherwise. */
export interface QueueLog {
  /** Becomes the owner, and answers with what is not finished, in the order of places. What cannot be read is left out, and told by `faults$`. */
  open(): Later<readonly QueuedMessage[]>;
  /**
   * Adds and removes, in one transaction; answers when that would survive a crash. There is one call at a time.
   *
   * @param removed Places; of some of them nothing may be stored.
   * @throws {StoreError} Delivered, and then nothing of it is stored: `quota` when there is no room, `fenced` when there is a newer owner.
   */
  write(added: readonly QueuedMessage[], removed: readonly number[]): Later<void>;
  /** Lets go of it; what is being written may still be. */
  close(): void;
  /** What goes wrong by itself: records that nobody can read, an evicted database, a newer owner. */
  readonly faults$?: Observable<StoreError>;
}

/** Where queues outlive their process. */
export interface QueueStore {
  /** What is kept of the queue of this name. */
  queue(name: string): QueueLog;
}
