import { defer, filter, from, map, Subject, type Observable } from 'rxjs';
import type { DeadLetter } from '../session/store/inbox.js';
import { countOf, readValue } from './databases.js';
import type { Environment } from './environment.js';
import { writeWithEffects, type LmdbTransaction } from './transaction.js';

/** A dead letter, and what it is found by. */
export interface StoredDeadLetter extends DeadLetter {
  /** Later ones have higher ones; none is given twice. */
  readonly id: number;
}

/** Messages that could not be processed, until somebody sees to them. */
export interface LmdbDeadLetters {
  /** How many there are. */
  readonly size: number;
  /** Those that there are now, the oldest first. */
  list(): Observable<StoredDeadLetter>;
  /**
   * Removes one, to process it once more; emits it when that would survive a power failure, and nothing if it is not there.
   *
   * @param effect Writes what it brings about, in the transaction that removes it. A throw undoes both, and is the error.
   */
  take(id: number, effect?: (transaction: LmdbTransaction, letter: StoredDeadLetter) => void): Observable<StoredDeadLetter>;
  /** Removes one for good; tells whether it was there. */
  remove(id: number): Observable<boolean>;
  /** Those that had to make room for others. */
  readonly dropped$: Observable<StoredDeadLetter>;
}

/** Those of a store; the inbox adds to them. */
export interface DeadLetterStore extends LmdbDeadLetters {
  /** Inside of a transaction; returns those that had to make room. */
  add(letters: readonly DeadLetter[]): readonly StoredDeadLetter[];
  /** Tells that they are gone, once that is so. */
  tellDropped(letters: readonly StoredDeadLetter[]): void;
}

/** @param onCorrupt Told of a record that nobody can read. */
export function createDeadLetters(environment: Environment, maxDeadLetters: number, onCorrupt: () => void): DeadLetterStore {
  const { deadLetters, counters } = environment.databases;
  const dropped$ = new Subject<StoredDeadLetter>();

  const read = (id: number): StoredDeadLetter | undefined => {
    const letter = readValue(deadLetters, id);
    if (isDeadLetter(letter)) return { ...letter, id };
    if (letter !== undefined) onCorrupt();
    return undefined;
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

  return {
    dropped$,
    tellDropped: (letters) => letters.forEach((letter) => dropped$.next(letter)),
    get size() {
      return countOf(deadLetters);
    },
    // The ids first: a snapshot that is open for as long as somebody looks would keep LMDB from using its free pages.
    list: () => defer(() => from([...deadLetters.getKeys()])).pipe(map(read), filter(isPresent)),
    take: (id, effect) =>
      write(() => drop(id), effect && ((letter, transaction) => letter && effect(transaction, letter))).pipe(filter(isPresent)),
    remove: (id) => write(() => deadLetters.removeSync(id)),
    add(letters) {
      if (letters.length === 0) return [];
      let last = counters.get('deadLetters') ?? 0;
      for (const { message, reason, attempts, at } of letters) deadLetters.putSync(++last, { message, reason, attempts, at });
      counters.putSync('deadLetters', last);
      const excess = [...deadLetters.getKeys({ limit: Math.max(0, countOf(deadLetters) - maxDeadLetters) })];
      return excess.map(drop).filter(isPresent);
    },
  };
}

function isPresent<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function isDeadLetter(value: unknown): value is DeadLetter {
  if (typeof value !== 'object' || value === null) return false;
  const { message, reason, attempts, at } = value as Record<keyof DeadLetter, unknown>;
  return (
    typeof message === 'object' && message !== null && typeof reason === 'string' && typeof attempts === 'number' && typeof at === 'number'
  );
}
