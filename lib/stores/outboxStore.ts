import type { Observable } from 'rxjs';
import type { OutboxContents, OutboxWrite } from '../core/storedTypes.js';
import type { StoreError } from '../message/errors.js';
import type { MaybeAsync } from '../message/maybeAsync.js';

export type { Body, OutboxContents, OutboxHead, OutboxWrite, SessionTicket, StoredBatch } from '../core/storedTypes.js';

/**
 * The code that a client's session needs for persistent stores: `durable` is the only one. A client
 * without such a store does not load the code.
 */
export interface Durability {
  readonly kind: 'durable';
}

/** The contents of an outbox when it is opened. */
export interface OpenedOutbox extends OutboxContents {
  /** Identifies the sender for the lifetime of the outbox: 128 random bits. */
  readonly pid: string;
  /**
   * The epoch of this owner, 1 for a new outbox. It is higher than that of each earlier owner,
   * which it fences, and was stored before `open` returns it.
   */
  readonly epoch: number;
}

/** Orders the hellos of a client. */
export interface HelloNumber {
  /** The epoch of the client's outbox: each later owner of that outbox has a higher epoch. */
  readonly epoch: number;
  /** The number of the hello in its epoch: each later hello has a higher number. */
  readonly n: number;
}

/**
 * Stores the unacked messages of a sender, and a head: a few numbers, and the ticket with which a
 * client resumes its session.
 *
 * The sender only opens and closes a store without `durability`: it has the messages itself.
 *
 * Each method returns its result at once if possible; otherwise a cold Observable.
 */
export interface OutboxStore {
  /** Whether the store is persistent: the sender numbers and stores messages also while offline. */
  readonly isDurable: boolean;
  /** The code that a client's session needs then: `durable`. A server does not use this field. */
  readonly durability?: Durability | undefined;
  /** The maximum number of messages. */
  readonly maxMessages: number;
  /** The maximum size of its batches in bytes. */
  readonly maxBytes: number;
  /**
   * Becomes the owner. The field `last` of the result is at least the number of each stored
   * message, so that no number is assigned again. `faults$` reports unreadable records, which are
   * left out.
   *
   * @param hello On a server: the hello that the session answers. Several servers may share a
   *   store, and answer hellos late.
   * @throws {StoreError} Delivered: `fenced` when a later hello was answered before.
   */
  open(hello?: HelloNumber): MaybeAsync<OpenedOutbox>;
  /**
   * Returns whether the outbox was opened before, without creating it. `tabOutboxes` does not open
   * the outboxes that do not exist.
   * @default it may exist
   */
  exists?(): MaybeAsync<boolean>;
  /**
   * Returns whether `open` waits for another owner, such as another tab, which has the outbox open:
   * then `state$` of the wire has `waitingFor: 'outbox'`.
   * @default it does not wait
   */
  isWaiting?(): boolean;
  /**
   * Stores the head whole, adds the batches, and removes all batches up to `head.acked`. With
   * `replaces`, the batches take the place of all others. All of this is one transaction. Emits or
   * returns when it is durable.
   *
   * Writes take effect in the order of the calls. Each head contains the changes of all earlier
   * ones, so a store may join writes that wait.
   *
   * @throws {StoreError} Delivered: `quota` when there is no room: then nothing of the write is
   *   stored, `fenced` when there is a newer owner.
   */
  write(change: OutboxWrite): MaybeAsync<void>;
  /** Closes the store; a write in progress may still complete. */
  close(): void;
  /** Emits faults that no call has caused: corrupt records, an evicted database, a newer owner. */
  readonly faults$?: Observable<StoreError>;
}
