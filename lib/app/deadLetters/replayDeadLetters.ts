import { catchError, concat, concatMap, defer, EMPTY, filter, from, ignoreElements, of, type Observable } from 'rxjs';
import type { Message } from '../../message/types.js';
import type { HandlerWork } from '../../session/consume/consumeOptions.js';
import { goOnFrom } from '../../session/consume/deadLetter.js';
import type { DeadLetterPage, DeadLetterStore, StoredDeadLetter } from './deadLetterStore.js';

/** Where messages go once more: a queue, a wire, a Subject; or a function, whose work is done when what it returns completes, or at once. */
export type ReplayTarget = { readonly next: (message: Message) => void } | ((message: Message) => HandlerWork<unknown>);

export interface ReplayOptions extends DeadLetterPage {
  /** Only this letter. */
  readonly id?: number;
  /** Only those of which it is true. @default all */
  readonly filter?: (letter: StoredDeadLetter) => boolean;
}

/** What came of a letter. */
export type Replayed = { readonly letter: StoredDeadLetter } & (
  | { readonly status: 'done' }
  /** It is still there. */
  | { readonly status: 'failed'; readonly error: unknown }
);

/**
 * Lets messages of dead letters be processed once more, one after the other, the oldest first; a letter is removed when its message was taken. Letters that
 * come meanwhile are not among them, so that what fails again does not go round in circles; its new letter goes on with the history of the old one.
 *
 * If the process ends in between, a message was replayed and its letter is still there: a message keeps its `id`, for who drops repeats.
 *
 * @throws What the store fails with when it is read, or `filter` throws, delivered.
 * @example
 * const orders = queue('orders');
 * const letters = memoryDeadLetters();
 * orders.process(() => Promise.reject(new Error('no tea')), { deadLetter: letters.add }).subscribe();
 * replayDeadLetters(letters, orders, { filter: ({ error }) => error === 'no tea' }).subscribe();
 */
export function replayDeadLetters(letters: DeadLetterStore, target: ReplayTarget, options: ReplayOptions = {}): Observable<Replayed> {
  const { id, filter: isWanted = () => true, ...page } = options;
  const found$ =
    id === undefined ? letters.list(page) : letters.list({ after: id - 1, limit: 1 }).pipe(filter((letter) => letter.id === id));
  const give = typeof target === 'function' ? target : (message: Message) => target.next(message);

  const replay = (letter: StoredDeadLetter): Observable<Replayed> => {
    const work$ = defer(() => {
      goOnFrom(letter);
      const returned = give(letter.message);
      return returned ? from(returned) : EMPTY;
    });
    const removed$ = defer(() => letters.remove(letter.id));
    return concat(work$.pipe(ignoreElements()), removed$.pipe(ignoreElements()), of<Replayed>({ letter, status: 'done' })).pipe(
      catchError((error: unknown) => of<Replayed>({ letter, status: 'failed', error })),
    );
  };
  return found$.pipe(filter(isWanted), concatMap(replay));
}
