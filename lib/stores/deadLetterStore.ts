import type { Observable } from 'rxjs';
import type { MaybeAsync } from '../message/maybeAsync.js';
import type { Message } from '../message/types.js';

/** A failed attempt. */
export interface FailedAttempt {
  /** The code of the error, or its text if it has no code. */
  readonly reason: string;
  /** The text of the error. */
  readonly error: string;
  /** The time of the failure, in ms since the epoch, if known. */
  readonly at?: number | undefined;
}

/** A message that could not be processed, and the reason. */
export interface DeadLetter {
  readonly message: Message;
  /** The code of the error, or its text if it has no code. */
  readonly reason: string;
  /** The text of the error. */
  readonly error: string;
  /** The number of attempts. */
  readonly attempts: number;
  /** The failed attempts in order, also those before a replay: the last ten at most. */
  readonly history: readonly FailedAttempt[];
  /** The time at which the message was given up, in ms since the epoch. */
  readonly at: number;
}

/** A dead letter with its id in the store. */
export interface StoredDeadLetter extends DeadLetter {
  /** Starts at 1 and rises with each letter. Ids are not reused. */
  readonly id: number;
}

/** A page of letters. */
export interface DeadLetterPage {
  /** The page starts behind the letter with this id. @default at the oldest */
  readonly after?: number;
  /** The maximum number of letters. @default Infinity */
  readonly limit?: number;
}

/** Stores messages that could not be processed. */
export interface DeadLetterStore {
  /**
   * Stores a letter. The result is available when the letter is as durable as the store. If it is
   * an Observable, the store writes when it is subscribed to.
   */
  readonly add: (letter: DeadLetter) => MaybeAsync<void>;
  /** Emits the letters that exist at subscription, the oldest first. */
  readonly list: (page?: DeadLetterPage) => Observable<StoredDeadLetter>;
  /** Emits the number of letters. */
  readonly count: () => Observable<number>;
  /** Removes a letter permanently. Emits whether it existed. */
  readonly remove: (id: number) => Observable<boolean>;
  /** Emits the letters that the store evicted because it was full. */
  readonly dropped$: Observable<StoredDeadLetter>;
}
