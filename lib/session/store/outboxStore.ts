import type { Observable } from 'rxjs';
import type { StoreError } from '../../errors.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { Frame } from '../../link/link.js';

/**
 * The code that a client's session needs for persistent stores: `durable` is the only one. A client
 * without such a store does not load the code.
 */
export interface Durability {
  readonly kind: 'durable';
}

/**
 * Consecutive numbered messages, as the frame that carries them. The sender sends the same bytes
 * each time.
 */
export interface StoredBatch {
  /** The number of its first message; the others follow without a gap. */
  readonly first: number;
  /** The number of its messages. */
  readonly count: number;
  readonly frame: Frame;
  /** The delivery guarantee of all its messages. */
  readonly delivery: 'at-least-once' | 'exactly-once';
}

/** The credentials with which a client resumes its session. */
export interface Ticket {
  readonly sid: string;
  readonly rt: string;
  /**
   * The tokens of earlier welcomes after which no ack arrived, the latest first. A server that has
   * stored the client may know only one of these.
   * @default none
   */
  readonly former?: readonly string[] | undefined;
}

/** The contents of an outbox when it is opened. */
export interface OutboxContents {
  /**
   * Identifies the sender for the lifetime of the outbox: 128 random bits, created with the outbox.
   */
  readonly pid: string;
  /**
   * The epoch of this owner, 1 for a new outbox. It is higher than that of each earlier owner,
   * which it fences, and was stored before `open` returns it.
   */
  readonly epoch: number;
  /** All numbers up to this one are acked. */
  readonly acked: number;
  /** The unacked batches, in order. */
  readonly batches: readonly StoredBatch[];
  /**
   * The highest number that was assigned, also if its batch is lost: the sender must not assign it
   * again.
   */
  readonly last?: number | undefined;
  /**
   * The highest number that may have been sent, as `mark` or `replace` has stored it; 0 if neither
   * has. Without this field, all messages of a store with a ticket may have been sent.
   */
  readonly sent?: number | undefined;
  readonly ticket?: Ticket | undefined;
}

/** Orders the hellos of a client. */
export interface HelloNumber {
  /** The epoch of the client's outbox: each later owner of that outbox has a higher epoch. */
  readonly epoch: number;
  /** The number of the hello in its epoch: each later hello has a higher number. */
  readonly n: number;
}

/**
 * Stores the unacked messages of a sender. The sender makes one call of `append` or `replace` at a
 * time; each stores all of its batches or, if it fails, none. It may call `trim` and `mark` at any
 * time. Calls take effect in order.
 *
 * The sender only opens and closes a store without `durability`: it keeps the messages in memory
 * itself.
 *
 * Each method returns its result at once if possible; otherwise an Observable that works when it is
 * subscribed to.
 */
export interface OutboxStore {
  /**
   * Whether the store is persistent: then the sender numbers and stores messages at once, also
   * while offline.
   */
  readonly isDurable: boolean;
  /** The code that a client's session needs then: `durable`. A server does not use this field. */
  readonly durability?: Durability | undefined;
  /** The maximum number of messages. */
  readonly maxMessages: number;
  /** The maximum size of its frames in bytes. */
  readonly maxBytes: number;
  /**
   * Becomes the owner. `faults$` reports unreadable records, which are left out.
   *
   * @param hello On a server: the hello that the session answers. Several servers may share a
   *   store, and answer hellos late.
   * @throws {StoreError} Delivered: `fenced` when a session that answers a later hello has opened
   *   the outbox.
   */
  open(hello?: HelloNumber): MaybeAsync<OutboxContents>;
  /**
   * Stores batches. Emits or returns when they are durable.
   *
   * @throws {StoreError} Delivered: `quota` when there is no room, `fenced` when there is a newer
   *   owner.
   */
  append(batches: readonly StoredBatch[]): MaybeAsync<void>;
  /** Deletes the batches whose last number is `acked` or lower. The deletion may happen later. */
  trim(acked: number): MaybeAsync<void>;
  /**
   * Replaces all other batches by these, in one transaction; numbers up to `acked` are done, and
   * those up to `sent` may have been sent.
   */
  replace(acked: number, batches: readonly StoredBatch[], sent: number): MaybeAsync<void>;
  /**
   * Stores that the messages up to `sent` may have been sent, and no others; `sent` may be lower
   * than before. The sender waits for the result before it sends a message with a higher number. It
   * calls this once for each window of messages, and when a message is stored offline.
   */
  mark(sent: number): MaybeAsync<void>;
  /** Stores the ticket of the session. */
  remember(ticket: Ticket): MaybeAsync<void>;
  /** Closes the store; a write in progress may still complete. */
  close(): void;
  /** Emits faults that no call has caused: corrupt records, an evicted database, a newer owner. */
  readonly faults$?: Observable<StoreError>;
}
