import type { Observable } from 'rxjs';
import type { StoreError } from '../../errors.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { Frame } from '../../link/link.js';

/** What a client's session needs for stores that outlive the process: `durable` is the only one. A client without such a store does not load it. */
export interface Durability {
  readonly kind: 'durable';
}

/** A run of messages that have their numbers, as the one frame that carries them, byte for byte, each time it is sent. */
export interface StoredBatch {
  /** The number of its first message; the others follow without a gap. */
  readonly first: number;
  /** How many messages it holds. */
  readonly count: number;
  readonly frame: Frame;
  /** All of its messages are of one level. */
  readonly delivery: 'at-least-once' | 'exactly-once';
}

/** What a client must show to come back to its session. */
export interface Ticket {
  readonly sid: string;
  readonly rt: string;
}

/** What an outbox holds when it is opened. */
export interface OutboxContents {
  /** Names the sender for as long as the outbox lives: 128 random bits, made when it was new. */
  readonly pid: string;
  /** One more than that of any owner before, and stored before it is told: it fences those. 1 when new. */
  readonly epoch: number;
  /** What is acked: the numbers up to here. */
  readonly acked: number;
  /** In order. */
  readonly batches: readonly StoredBatch[];
  /** The highest number it knows to have been given, also where the batch is lost: it must not be given again. */
  readonly last?: number | undefined;
  readonly ticket?: Ticket | undefined;
}

/**
 * Where a sender keeps what is not acked yet. There is one call at a time of `append` and `replace`, and what they were given
 * either is stored as a whole or, when they fail, not at all. `trim` may come at any time.
 *
 * One that has no `durability` is opened and closed, and nothing else: the sender has all of it in memory itself.
 *
 * All of it answers with a value where it can at once, and with an Observable that works once it is subscribed otherwise.
 */
export interface OutboxStore {
  /** Whether it outlives the process: then messages are numbered and stored as soon as they come, also while offline. */
  readonly isDurable: boolean;
  /** What a client's session does then: `durable`. A server needs not be told. */
  readonly durability?: Durability | undefined;
  /** Messages it takes. */
  readonly maxMessages: number;
  /** Bytes of frames it takes. */
  readonly maxBytes: number;
  /** Becomes the owner. Records that cannot be read are left out, and told by `faults$`. */
  open(): MaybeAsync<OutboxContents>;
  /**
   * Answers when the batches would survive a crash.
   *
   * @throws {StoreError} Delivered: `quota` when there is no room, `fenced` when there is a newer owner.
   */
  append(batches: readonly StoredBatch[]): MaybeAsync<void>;
  /** Forgets the batches whose last number is `acked` or lower. Answers at once; being late does no harm. */
  trim(acked: number): MaybeAsync<void>;
  /** Puts these batches in the place of all others, in one transaction; numbers up to `acked` are done. */
  replace(acked: number, batches: readonly StoredBatch[]): MaybeAsync<void>;
  /** Keeps what is needed to come back. */
  remember(ticket: Ticket): MaybeAsync<void>;
  /** Lets go of it; what is being written may still be. */
  close(): void;
  /** What goes wrong by itself: corrupt records, an evicted database, a newer owner. */
  readonly faults$?: Observable<StoreError>;
}
