import type { Rejection } from '../core/rejection.js';
import type { Cursor } from '../core/storedTypes.js';
import type { MaybePromise } from '../message/maybeAsync.js';
import type { DeadLetter, DeadLetterStore } from './deadLetterStore.js';
import type { Durability, HelloNumber } from './outboxStore.js';

/** The claim of a session to the messages of a sender, with the hello that the session answers. */
export interface InboxClaim extends HelloNumber {
  /** Identifies the session, among the sessions of all processes that use the inbox. */
  readonly owner: string;
}

/** The stored state of one sender. */
export interface InboxRecord {
  readonly cursor: Cursor;
  /** The latest claim. @default no session has claimed the sender */
  readonly claim?: InboxClaim | undefined;
  /** The record of the session: plain data, opaque to the inbox. */
  readonly session?: unknown;
}

/**
 * The right to write the state of a sender: it ends when another session claims the sender. An
 * inbox may return an object with fields of its own: the session passes it to each write.
 */
export interface InboxLease extends InboxClaim {
  /** Identifies the sender. */
  readonly pid: string;
  /**
   * Whether the sender was unknown when the session claimed it. Then the claim fences the sessions
   * of earlier hellos at its first write, which also replaces the state that they have stored
   * since: the client was told that the server does not know it.
   * @default false
   */
  readonly isNew?: boolean | undefined;
}

/** The claim of a session on a sender, as `decide` returns it. */
export interface DecidedClaim extends InboxClaim {
  /**
   * The record of the session. An inbox that stores it with the claim returns `isRemembered`: this
   * saves a call of `remember`.
   * @default the record stays
   */
  readonly session?: unknown;
}

/** The result of `claim`. */
export interface ClaimedInbox {
  /** The stored state before the claim. @default the sender is unknown */
  readonly record: InboxRecord | undefined;
  /** The lease of the session. @default the session has not claimed the sender */
  readonly lease: InboxLease | undefined;
  /** Whether the inbox has stored the `session` of the claim. @default false */
  readonly isRemembered?: boolean | undefined;
}

/** A processed message, and the data to be written with its completion. */
export interface Completion<Tx> {
  /** Writes the effects of the message, synchronously. An exception rolls back the transaction. */
  readonly effect?: ((transaction: Tx) => void) | undefined;
  /**
   * Called by an inbox whose transactions run the writes of an effect after it has returned: one of
   * these writes has failed, and the error that `commit` delivers next is the error of the effect.
   * Without this call, such an error is a failure of the inbox.
   */
  readonly onEffectFailed?: (() => void) | undefined;
  /** The dead letter to store, if the handler has failed and no other store keeps it. */
  readonly deadLetter?: DeadLetter | undefined;
  /** The reason why the message was not processed. @default the message was processed */
  readonly rejection?: Rejection | undefined;
}

/**
 * Stores the progress of a receiver. The effects of a message and the cursor are one transaction:
 * after a crash, both are stored or neither is. An implementation over your own database passes its
 * transactions to `effect`.
 *
 * Several processes may share one inbox. The session that has claimed a sender last owns its state:
 * the writes of all others fail with `fenced`, so that no effect is stored twice. For each sender,
 * the session makes one call of `commit` at a time.
 */
export interface Inbox<Tx = unknown> {
  /** The code that a client's session needs: `durable`. A server does not use this field. */
  readonly durability?: Durability | undefined;
  /**
   * Whether calls for a sender take effect in the order in which they are made. Then the session
   * does not wait for the answer of `remember` before it calls `commit`.
   * @default false
   */
  readonly isOrdered?: boolean | undefined;
  /** The dead letters that `commit` has stored. @default the wire has no access to them */
  readonly deadLetters?: DeadLetterStore | undefined;
  /**
   * Reads the stored state of a sender, and stores the claim that `decide` returns for it, both in
   * one transaction. The state includes all writes that were started before, also those whose
   * results have no subscriber.
   *
   * The claim on an unknown sender is not stored: the first write with its lease stores it, and the
   * lease says `isNew`.
   *
   * @param decide Returns the claim; `undefined` only reads. An inbox may call it again, if another
   *   session claims the sender meanwhile.
   */
  claim(pid: string, decide: (record: InboxRecord | undefined) => DecidedClaim | undefined): MaybePromise<ClaimedInbox>;
  /**
   * Runs the effects in order and stores the cursor, all in one transaction. Emits, resolves or
   * returns when the transaction is durable.
   *
   * @throws The error of an effect, delivered; then the transaction was not stored. Any other error
   *   is a failure of the inbox, and ends the session. The error is one of an effect if the effect
   *   has thrown it, or the inbox has called `onEffectFailed`.
   * @throws {StoreError} Delivered: `fenced`, before any effect, after a later claim.
   */
  commit(lease: InboxLease, cursor: Cursor, completions: readonly Completion<Tx>[]): MaybePromise<void>;
  /**
   * Stores the record of the session.
   *
   * @throws {StoreError} Delivered: `fenced`, if another session has claimed the sender.
   */
  remember(lease: InboxLease, session: unknown): MaybePromise<void>;
  /**
   * Ends the use of a sender: the session has ended. An inbox that forgets senders may forget this
   * one from now on, and forgets no sender between `claim` and `release`.
   * @default the inbox
   * forgets no sender
   */
  release?(lease: InboxLease): void;
}
