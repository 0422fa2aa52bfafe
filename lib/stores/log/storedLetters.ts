import { concatMap, defer, EMPTY, expand, filter, Subject, tap, type Observable } from 'rxjs';
import { asObservable, chain, converted, type MaybeAsync } from '../../message/maybeAsync.js';
import { parseMessage } from '../../message/parseMessage.js';
import type { DeadLetter, DeadLetterStore, FailedAttempt, StoredDeadLetter } from '../deadLetterStore.js';
import type { Log, LogEntry, ReadableStore, StoreTransaction } from '../store.js';

/** The dead letters of a store, with the methods that its inbox uses. */
export interface StoredLetters<Tx> extends DeadLetterStore {
  /** Adds letters in a transaction. Returns the evicted ones. */
  append(transaction: StoreTransaction<Tx>, letters: readonly DeadLetter[]): MaybeAsync<readonly StoredDeadLetter[]>;
  /** Emits evicted letters, after the commit. */
  readonly emitDropped: (letters: readonly StoredDeadLetter[]) => void;
  /** Removes a letter, with an effect in the same transaction. Completes if it does not exist. */
  take(id: number, effect?: (transaction: Tx, letter: StoredDeadLetter) => void): Observable<StoredDeadLetter>;
}

const LOG = 'letters';
/** The number of letters that are read at once. */
const PAGE_SIZE = 100;

/** @param onCorrupt Called for each unreadable letter. */
export function storedLetters<Tx>(
  store: Pick<ReadableStore<Tx>, 'transact' | 'read' | 'count' | 'use'>,
  maxSize: number,
  onCorrupt: () => void,
): StoredLetters<Tx> {
  const dropped$ = new Subject<StoredDeadLetter>();
  store.use?.(dropped$, LOG);
  const readable = (entries: readonly LogEntry[]): readonly StoredDeadLetter[] =>
    entries.flatMap(({ key, value }) => {
      const letter = readDeadLetter(key, value);
      if (!letter) onCorrupt();
      return letter ?? [];
    });
  const page = (after: number, limit: number): Observable<Log> =>
    asObservable(() => store.read(LOG, { after, limit: Math.min(limit, PAGE_SIZE) }));
  const emitDropped = (letters: readonly StoredDeadLetter[]): void => letters.forEach((letter) => dropped$.next(letter));
  const append: StoredLetters<Tx>['append'] = (transaction, letters) =>
    letters.length === 0
      ? []
      : chain(transaction.change(LOG, { put: letters.map((value) => ({ value })), maxCount: maxSize }), ({ evicted }) => readable(evicted));
  const removed = (transaction: StoreTransaction<Tx>, id: number): MaybeAsync<LogEntry | undefined> =>
    chain(transaction.read(LOG, { after: id - 1, limit: 1 }), ({ entries: [entry] }): MaybeAsync<LogEntry | undefined> =>
      entry?.key === id ? chain(transaction.change(LOG, { drop: [[id, id]] }), () => entry) : undefined,
    );

  return {
    dropped$: dropped$.asObservable(),
    append,
    emitDropped,
    add: (letter) =>
      converted(
        store.transact(LOG, (transaction) => append(transaction, [letter])),
        emitDropped,
      ),
    list: ({ after = 0, limit = Infinity } = {}) =>
      defer(() => {
        // The letters that exist now.
        let end: number | undefined;
        let left = limit;
        return page(after, left).pipe(
          expand(({ entries }) => {
            const { key = Infinity } = entries.at(-1) ?? {};
            return left > 0 && key < (end ?? 0) ? page(key, left) : EMPTY;
          }),
          tap(({ last, entries }) => {
            end ??= last;
            left -= entries.length;
          }),
          concatMap(({ entries }) => readable(entries.filter(({ key }) => key <= (end ?? 0)))),
        );
      }),
    count: () => asObservable(() => store.count(LOG)),
    remove: (id) =>
      asObservable(() => store.transact(LOG, (transaction) => chain(removed(transaction, id), (entry) => entry !== undefined))),
    take: (id, effect) =>
      asObservable(() =>
        store.transact(LOG, (transaction) =>
          chain(removed(transaction, id), (entry) => {
            const [letter] = readable(entry ? [entry] : []);
            if (letter && effect) transaction.perform((own) => effect(own, letter));
            return letter;
          }),
        ),
      ).pipe(filter((letter) => letter !== undefined)),
  };
}

/** Returns a stored value as a dead letter; undefined if it is not one. */
function readDeadLetter(id: number, found: unknown): StoredDeadLetter | undefined {
  const { message, reason, error = reason, attempts, history = [], at } = Object(found) as Partial<Record<keyof DeadLetter, unknown>>;
  const isText = typeof reason === 'string' && typeof error === 'string';
  if (!isText || typeof attempts !== 'number' || typeof at !== 'number' || !Array.isArray(history)) return undefined;
  try {
    return { id, message: parseMessage(message), reason, error, attempts, history: history.filter(isAttempt), at };
  } catch {
    return undefined;
  }
}

function isAttempt(value: unknown): value is FailedAttempt {
  const { reason, error } = Object(value) as Partial<Record<keyof FailedAttempt, unknown>>;
  return typeof reason === 'string' && typeof error === 'string';
}
