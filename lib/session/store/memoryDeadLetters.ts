import { defer, from, of, Subject } from 'rxjs';
import { assertPositive } from '../../internal/assert.js';
import { firstOf } from '../../internal/firstOf.js';
import type { DeadLetterStore, StoredDeadLetter } from './deadLetterStore.js';

export interface MemoryDeadLettersOptions {
  /** The maximum number of letters. A full store evicts the oldest. @default 1_000 */
  readonly maxSize?: number;
}

/**
 * Stores dead letters in memory. They are lost when the process ends.
 *
 * @throws {RangeError} At call time, if `maxSize` is not positive.
 * @example
 * const letters = memoryDeadLetters();
 * messages$.pipe(consume(() => Promise.reject(new Error('no tea')), { retry: false, deadLetter: letters.add })).subscribe(() => {
 *   letters.list({ limit: 10 }).subscribe(({ message, error }) => draw(`${message.type}: ${error}`));
 * });
 */
export function memoryDeadLetters(options: MemoryDeadLettersOptions = {}): DeadLetterStore {
  const { maxSize = 1_000 } = options;
  assertPositive('memoryDeadLetters', { maxSize });

  const letters = new Map<number, { readonly key: number; readonly letter: StoredDeadLetter }>();
  const dropped$ = new Subject<StoredDeadLetter>();
  const oldest = firstOf(letters);
  let last = 0;

  return {
    add(letter) {
      const id = ++last;
      letters.set(id, { key: id, letter: { ...letter, id } });
      for (let one = oldest(); one && letters.size > maxSize; one = oldest()) {
        letters.delete(one.key);
        dropped$.next(one.letter);
      }
    },
    list: ({ after = 0, limit = Infinity } = {}) =>
      defer(() => from([...letters.values()].flatMap(({ letter }) => (letter.id > after ? letter : [])).slice(0, limit))),
    count: () => defer(() => of(letters.size)),
    remove: (id) => defer(() => of(letters.delete(id))),
    dropped$: dropped$.asObservable(),
  };
}
