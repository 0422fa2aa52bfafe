import { defer, filter, from, map, of, Subject, tap, type Observable } from 'rxjs';
import type { DeadLetterStore, StoredDeadLetter } from '../app/deadLetters/deadLetterStore.js';
import { readDeadLetter } from '../app/deadLetters/readDeadLetter.js';
import type { DeadLetter } from '../session/store/inbox.js';
import { countOf, readValue } from './databases.js';
import type { Environment } from './environment.js';
import { writeWithEffects, type LmdbTransaction } from './transaction.js';

/** Dead letters in LMDB: those that an inbox has stored with its cursor are among them. */
export interface LmdbDeadLetters extends DeadLetterStore {
  /**
   * Removes one, to process it once more; emits it when that would survive a power failure, and nothing if it is not there.
   *
   * @param effect Writes what it brings about, in the transaction that removes it. A throw undoes both, and is the error.
   */
  take(id: number, effect?: (transaction: LmdbTransaction, letter: StoredDeadLetter) => void): Observable<StoredDeadLetter>;
}

/** Those of a store; the inbox adds to them. */
export interface DeadLetterRows extends LmdbDeadLetters {
  /** Inside of a transaction, without those that were added before; returns those that had to make room. */
  put(letters: readonly DeadLetter[]): readonly StoredDeadLetter[];
  /** Tells that they are gone, once that is so. */
  tellDropped(letters: readonly StoredDeadLetter[]): void;
}

/** @param onCorrupt Told of a record that nobody can read. */
export function createDeadLetters(environment: Environment, maxDeadLetters: number, onCorrupt: () => void): DeadLetterRows {
  const { databases, keptLetters } = environment;
  const { deadLetters, counters } = databases;
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

  const keep = (letter: DeadLetter) => write(() => store([letter])).pipe(tap(() => keptLetters.add(letter)));

  return {
    ...{ dropped$, tellDropped },
    put: (letters) => store(letters.filter((letter) => !keptLetters.has(letter))),
    add: (letter) => keep(letter).pipe(map(tellDropped)),
    count: () => defer(() => of(countOf(deadLetters))),
    // The ids first: a snapshot that is open for as long as somebody looks would keep LMDB from using its free pages.
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
