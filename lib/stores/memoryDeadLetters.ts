import { Observable, Subject } from 'rxjs';
import { assertPositive, checkOptions } from '../message/development.js';
import { asObservable } from '../message/maybeAsync.js';
import { estimateSize } from '../message/estimateSize.js';
import type { DeadLetterStore, StoredDeadLetter } from './deadLetterStore.js';

export interface MemoryDeadLettersOptions {
  /** The maximum number of letters. A full store evicts the oldest. @default 1_000 */
  readonly maxSize?: number;
  /**
   * The maximum size of all letters in bytes, as estimated. Above it, the oldest are evicted; the
   * newest letter stays.
   * @default 16_777_216: 16 MiB
   */
  readonly maxBytes?: number;
}

/**
 * Stores dead letters in memory. They are lost when the process ends.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * import { of, throwError } from 'rxjs';
 * import { consume, createMessage, memoryDeadLetters } from 'rxwire';
 *
 * const letters = memoryDeadLetters();
 * const process = () => throwError(() => new Error('no tea'));
 * of(createMessage('order.placed', null))
 *   .pipe(consume(process, { retry: false, deadLetter: letters.add }))
 *   .subscribe(() => {
 *     letters
 *       .list({ limit: 10 })
 *       .subscribe(({ message, error }) => console.log(`${message.type}: ${error}`)); // prints: order.placed: no tea
 *   });
 */
export function memoryDeadLetters(options: MemoryDeadLettersOptions = {}): DeadLetterStore {
  checkOptions('memoryDeadLetters', options);
  const { maxSize = 1_000, maxBytes = 16_777_216 } = options;
  assertPositive('memoryDeadLetters', { maxSize, maxBytes });

  const letters = new Map<number, readonly [letter: StoredDeadLetter, size: number]>();
  const dropped$ = new Subject<StoredDeadLetter>();
  let first = 1;
  let last = 0;
  let bytes = 0;

  const remove = (id: number): StoredDeadLetter | undefined => {
    const [letter, size = 0] = letters.get(id) ?? [];
    letters.delete(id);
    bytes -= size;
    return letter;
  };
  const isOverFull = (): boolean => letters.size > maxSize || (bytes > maxBytes && letters.size > 1);

  return {
    add(letter) {
      const id = ++last;
      const size = estimateSize(letter);
      letters.set(id, [{ ...letter, id }, size]);
      bytes += size;
      while (isOverFull()) {
        const oldest = remove(first++);
        if (oldest) dropped$.next(oldest);
      }
    },
    list: ({ after = 0, limit = Infinity } = {}) =>
      new Observable((to) => {
        const listed = [...letters.values()].flatMap(([letter]) => (letter.id > after ? letter : [])).slice(0, limit);
        for (const letter of listed) to.next(letter);
        to.complete();
      }),
    count: () => asObservable(() => letters.size),
    remove: (id) => asObservable(() => remove(id) !== undefined),
    dropped$: dropped$.asObservable(),
  };
}
