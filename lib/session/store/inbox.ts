import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Durability } from './outboxStore.js';

/** How far the messages of one sender are processed. */
export interface Cursor {
  /** All numbers up to here are. */
  readonly done: number;
  /** Those above it that are as well, in rising order: handlers may finish out of order. */
  readonly finished: readonly number[];
}

/** What an inbox knows of one sender. */
export interface InboxRecord {
  readonly cursor: Cursor;
  /** What the session wants to find again: plain data, opaque to the inbox. */
  readonly session?: unknown;
}

/** A try that has failed. */
export interface FailedAttempt {
  /** The code of the error where it has one, else its text. */
  readonly reason: string;
  /** The text of the error. */
  readonly error: string;
  /** When that was, in ms since the epoch, where it is known. */
  readonly at?: number | undefined;
}

/** A message that could not be processed, and why. */
export interface DeadLetter {
  readonly message: Message;
  /** The code of the error where it has one, else its text. */
  readonly reason: string;
  /** The text of the error. */
  readonly error: string;
  /** How often it was tried. */
  readonly attempts: number;
  /** How its tries have failed, also those before it was replayed, in order: the last ten at most. */
  readonly history: readonly FailedAttempt[];
  /** When it was given up, in ms since the epoch. */
  readonly at: number;
}

/** One message that is done, and what is to be written with that. */
export interface Completion<Tx> {
  /** Writes what the message brings about. A throw undoes the whole transaction. */
  readonly effect?: ((transaction: Tx) => void) | undefined;
  /** It has failed for good: it is kept here instead. */
  readonly deadLetter?: DeadLetter | undefined;
}

/**
 * Where a receiver keeps how far it got. What a message brings about and the cursor that says so are one transaction: after a crash,
 * both are there or neither is. Implement it over a database of your own, and its transactions are yours in `effect`.
 *
 * There is one call at a time of `commit` for each sender.
 */
export interface Inbox<Tx = unknown> {
  /** What a client's session does with it: `durable`. A server needs not be told. */
  readonly durability?: Durability | undefined;
  /** What is known of this sender, if anything: all that was begun to be stored before is among it, also where nobody waits for the answer. */
  load(pid: string): MaybeAsync<InboxRecord | undefined>;
  /**
   * Runs the effects in order and stores the cursor, all in one transaction; answers when that would survive a crash.
   *
   * @throws What an effect throws, delivered; then nothing of it was stored.
   */
  commit(pid: string, cursor: Cursor, completions: readonly Completion<Tx>[]): MaybeAsync<void>;
  /** Stores what the session wants to find again. */
  remember(pid: string, session: unknown): MaybeAsync<void>;
}
