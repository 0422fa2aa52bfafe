import type { Observable } from 'rxjs';
import type { Later } from '../../internal/later.js';
import type { DeadLetter } from '../../session/store/inbox.js';

/** A dead letter, and what it is found by. */
export interface StoredDeadLetter extends DeadLetter {
  /** From 1: later ones have higher ones, and none is given twice. */
  readonly id: number;
}

/** A page of letters. */
export interface DeadLetterPage {
  /** Begins behind the letter of this id. @default at the oldest */
  readonly after?: number;
  /** Letters at most. @default Infinity */
  readonly limit?: number;
}

/** Messages that could not be processed, until somebody sees to them. */
export interface DeadLetterStore {
  /** Keeps one; answers when it would survive what the store survives. Where that is an Observable, nothing is done before it is subscribed to. */
  readonly add: (letter: DeadLetter) => Later<void>;
  /** Those that there are when it is subscribed to, the oldest first. */
  readonly list: (page?: DeadLetterPage) => Observable<StoredDeadLetter>;
  /** How many there are. */
  readonly count: () => Observable<number>;
  /** Removes one for good; tells whether it was there. */
  readonly remove: (id: number) => Observable<boolean>;
  /** Those that had to make room for others. */
  readonly dropped$: Observable<StoredDeadLetter>;
}
