import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { DeadLetter, DeadLetterStore } from './deadLetterStore.js';
import type { Durability } from './outboxStore.js';

/** The processed messages of one sender. */
export interface Cursor {
  /** All numbers up to this one are processed. */
  readonly done: number;
  /** The processed numbers above `done`, in rising order: handlers may finish out of order. */
  readonly finished: readonly number[];
  /** The rejected messages whose sender may not know it yet. An inbox that does not store them loses only the reasons, for its senders. @default none */
  readonly rejections?: readonly NumberedRejection[] | undefined;
}

/** The stored state of one sender. */
export interface InboxRecord {
  readonly cursor: Cursor;
  /** The record of the session: plain data, opaque to the inbox. */
  readonly session?: unknown;
}

/** The reason why a receiver did not process a message. The sender of the message receives it with the ack. */
export interface Rejection {
  /**
   * `dead-lettered`: the handler has finally failed, and the message is a dead letter of the receiver. `refused`: the receiver does not allow the
   * message. `undecodable`: the receiver cannot read the message, and keeps its bytes as a dead letter.
   */
  readonly kind: 'dead-lettered' | 'refused' | 'undecodable';
  /** The code of the error. */
  readonly code: string;
  /** A sentence for people. */
  readonly reason: string;
}

/** The rejection of the message with this number. */
export interface NumberedRejection extends Rejection {
  readonly number: number;
}

/** A processed message, and the data to be written with its completion. */
export interface Completion<Tx> {
  /** Writes the effects of the message. An exception rolls back the whole transaction. */
  readonly effect?: ((transaction: Tx) => void) | undefined;
  /** The dead letter to store, if processing has finally failed, and no other store keeps the letter. */
  readonly deadLetter?: DeadLetter | undefined;
  /** The reason why the message was not processed. @default the message was processed */
  readonly rejection?: Rejection | undefined;
}

/**
 * Stores the progress of a receiver. The effects of a message and the cursor are one transaction: after a crash, both are stored or neither
 * is. An implementation over your own database passes its transactions to `effect`.
 *
 * For each sender, the session makes one call of `commit` at a time.
 */
export interface Inbox<Tx = unknown> {
  /** The code that a client's session needs: `durable`. A server does not use this field. */
  readonly durability?: Durability | undefined;
  /** The dead letters that `commit` has stored: `deadLetters` of the wire. @default not accessible by the wire */
  readonly deadLetters?: DeadLetterStore | undefined;
  /**
   * Returns the stored state of a sender, or `undefined`. The state includes all writes that were started before, also those whose results
   * have no subscriber.
   */
  load(pid: string): MaybeAsync<InboxRecord | undefined>;
  /**
   * Runs the effects in order and stores the cursor, all in one transaction. Emits or returns when the transaction is durable.
   *
   * @throws The error of an effect, delivered; then the transaction was not stored.
   */
  commit(pid: string, cursor: Cursor, completions: readonly Completion<Tx>[]): MaybeAsync<void>;
  /** Stores the record of the session. */
  remember(pid: string, session: unknown): MaybeAsync<void>;
}
