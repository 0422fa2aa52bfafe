import type { Delivery } from '../message/types.js';
import type { NumberedRejection } from './rejection.js';

/** An encoded batch, or a frame: text or bytes, as the codec makes it. */
export type Body = string | Uint8Array;

/** A client's proof that it has received a welcome. */
export interface SessionTicket {
  readonly sid: string;
  readonly rt: string;
  /** The tokens of earlier welcomes behind which no ack has come, the latest first. */
  readonly former: readonly string[];
}

/** A client as a server remembers it, besides its messages (section 4, "The server"). */
export interface ClientRecord {
  readonly epoch: number;
  readonly n: number;
  readonly sid: string;
  /** The name of the codec of the session. */
  readonly codec: string;
  /** The token of the last welcome, or its digest. */
  readonly token: string;
  /**
   * The token that the hello of the last welcome showed, which stays valid until the client
   * confirms the welcome: empty for none; undefined when it is not valid any more.
   */
  readonly former: string | undefined;
  /** Whether the client has confirmed a welcome. */
  readonly isConfirmed: boolean;
  /** Whether the server has begun to send under this `sid`. */
  readonly hasBegun: boolean;
}

/** A batch in an outbox. */
export interface StoredBatch {
  readonly first: number;
  readonly count: number;
  /** Empty if its numbers are skipped. */
  readonly body: Body;
  readonly level: Delivery;
}

/** All that an outbox holds besides its batches. It is small, and each write stores it whole. */
export interface OutboxHead {
  /** All numbers up to this one are acked. */
  readonly acked: number;
  /** The highest number that was assigned. */
  readonly last: number;
  /** The highest number that may have been sent. */
  readonly mark: number;
  /** The numbers above `acked` that are skipped: their messages have their outcomes. */
  readonly skips: readonly number[];
  /**
   * Whether `acked` is the `rx` of a discontinuity, and no ack has come since. The next owner sends
   * nothing before that ack, too.
   */
  readonly isPaused: boolean;
  /** The name of the codec of the batches. */
  readonly codec: string;
  readonly ticket?: SessionTicket | undefined;
}

/**
 * One transaction: it stores the head, adds the batches, and removes the batches up to
 * `head.acked`. A later head contains all earlier ones, so a store may join writes that wait.
 */
export interface OutboxWrite {
  readonly head: OutboxHead;
  readonly batches: readonly StoredBatch[];
  /** Whether all other batches are removed. */
  readonly replaces: boolean;
}

/** The contents of an outbox, as its new owner finds them. */
export interface OutboxContents extends OutboxHead {
  readonly batches: readonly StoredBatch[];
}

/** The processed messages of one sender. */
export interface Cursor {
  /** All numbers up to this one are processed. */
  readonly done: number;
  /** The processed numbers above `done`, in rising order: handlers may finish out of order. */
  readonly finished: readonly number[];
  /**
   * The rejected messages whose sender may not know it yet. An inbox that does not store them loses
   * only the reasons, for its senders.
   * @default none
   */
  readonly rejections?: readonly NumberedRejection[] | undefined;
}

/** One transaction: it stores the fields that are present, and runs the effects in order. */
export interface InboxWrite {
  /** The `pid` at a server, the `sid` at a client. */
  readonly key: string;
  readonly cursor?: Cursor;
  readonly record?: ClientRecord;
  /** The effects that the application stores with its messages. Opaque to the session. */
  readonly effects: readonly unknown[];
}

/** The stored state that a session continues. */
export interface RestoredState {
  /** The key of the inbox. */
  readonly key: string;
  readonly outbox?: OutboxContents | undefined;
  readonly cursor?: Cursor | undefined;
  readonly record?: ClientRecord | undefined;
}

/**
 * Why a write has failed.
 *
 * - `quota`: an outbox has no room. Nothing is stored, and the store goes on.
 * - `effect`: an effect has failed. Nothing is stored, and the store goes on.
 * - `fenced`: there is another owner. Nothing is stored.
 * - `failed`: it may be stored or not.
 *
 * After the last two, the session ends.
 */
export type WriteFault = 'quota' | 'effect' | 'fenced' | 'failed';
