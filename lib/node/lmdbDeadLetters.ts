import { defer, filter, from, map, of, Subject, type Observable } from 'rxjs';
import type { DeadLetter, DeadLetterStore, StoredDeadLetter } from '../session/store/deadLetterStore.js';
import { readDeadLetter } from '../app/deadLetters/readDeadLetter.js';
import { countOf, readValue } from './lmdbDatabases.js';
import type { LmdbEnvironment } from './lmdbEnvironment.js';
import { writeWithEffects, type LmdbTransaction } from './lmdbTransaction.js';

/** Dead letters in LMDB, including those that an inbox has stored with its cursor. */
export interface LmdbDeadLetters extends DeadLetterStore {
  /**
   * Removes a letter to process it again. Emits it when the removal is durable; completes without a
   * value if it does not exist.
   *
   * @param effect Writes its results in the transaction that removes the letter. An exception rolls
   *   back both, and is delivered.
   */
  take(id: number, effect?: (transaction: LmdbTransaction, letter: StoredDeadLetter) => void): Observable<StoredDeadLetter>;
}

/** The dead letters of a store, with the methods that the inbox uses. */
export interface LmdbDeadLetterRows extends LmdbDeadLetters {
  /** Stores letters inside a transaction. Returns the evicted letters. */
  put(letters: readonly DeadLetter[]): readonly StoredDeadLetter[];
  /** Emits evicted letters, after the commit. */
  emitDropped(letters: readonly StoredDeadLetter[]): void;
}

/** @param onCorrupt Called with each unreadable record. */
export function createLmdbDeadLetters(environment: LmdbEnvironment, maxDeadLetters: number, onCorrupt: () => void): LmdbDeadLetterRows {
  const { deadLetters, counters } = environment.databases;
  const dropped$ = new Subject<StoredDeadLetter>();

  const read = (id: number): StoredDeadLetter | undefined => {
    const found = readValue(deadLetters, id);
    const letter = readDeadLetter(id, found);
    if (!letter && found !== undefined) onCorrupt();
    return letter;
  };
  const drop = (id: number): StoredDeadLetter | undefined => {
    const letter = read(id);
    deadLetters.removeSync(id);
    return letter;
  };
  const write = <T>(work: () => T, effect?: (result: T, transaction: LmdbTransaction) => void): Observable<T> =>
    writeWithEffects(environment, (perform) => {
      const result = work();
      if (effect) perform((transaction) => effect(result, transaction));
      return result;
    });

  const store = (letters: readonly DeadLetter[]): readonly StoredDeadLetter[] => {
    if (letters.length === 0) return [];
    let last = counters.get('deadLetters') ?? 0;
    for (const letter of letters) deadLetters.putSync(++last, letter);
    counters.putSync('deadLetters', last);
    const excess = [...deadLetters.getKeys({ limit: Math.max(0, countOf(deadLetters) - maxDeadLetters) })];
    return excess.map(drop).filter(isPresent);
  };
  const tellDropped = (letters: readonly StoredDeadLetter[]): void => letters.forEach((letter) => dropped$.next(letter));

  return {
    dropped$,
    emitDropped: tellDropped,
    put: store,
    add: (letter) => write(() => store([letter])).pipe(map(tellDropped)),
    count: () => defer(() => of(countOf(deadLetters))),
    // Reads all ids first: a snapshot that stays open as long as the subscription would keep LMDB
    // from reusing free pages.
    list: ({ after = 0, limit = Infinity } = {}) =>
      defer(() => from([...deadLetters.getKeys({ start: after + 1, ...(limit < Infinity && { limit }) })])).pipe(
        map(read),
        filter(isPresent),
      ),
    take: (id, effect) =>
      write(() => drop(id), effect && ((letter, transaction) => letter && effect(transaction, letter))).pipe(filter(isPresent)),
    remove: (id) => write(() => deadLetters.removeSync(id)),
  };
}

function isPresent<T>(value: T | undefined): value is T {
  return value !== undefined;
}
