import { checkOptions } from '../../message/development.js';
import { catchError, concat, concatMap, defer, filter, ignoreElements, of, type Observable } from 'rxjs';
import { valuesOf } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { HandlerWork } from '../consume/consumeOptions.js';
import { goOnFrom } from '../../wire/createDeadLetter.js';
import type { DeadLetterPage, DeadLetterStore, StoredDeadLetter } from '../../stores/deadLetterStore.js';

/**
 * The target of replayed messages: a queue, a Subject; a wire, which must receive the ack of each
 * message; or a function whose work is done when its result completes, or at once.
 */
export type ReplayTarget = { readonly next: (message: Message) => void } | ((message: Message) => HandlerWork<unknown>);

export interface ReplayOptions extends DeadLetterPage {
  /** Replays only the letter with this id. */
  readonly id?: number;
  /**
   * Replays only the letters for which it returns true.
   * @default all but `system.undecodable`; with `id`, that letter
   */
  readonly filter?: (letter: StoredDeadLetter) => boolean;
}

/** The result of one replayed letter. */
export type Replayed = { readonly letter: StoredDeadLetter } & (
  | { readonly status: 'done' }
  /** The letter is still in the store. */
  | { readonly status: 'failed'; readonly error: unknown }
);

interface Sender {
  readonly send: (message: Message) => PromiseLike<unknown>;
}

function isWire(target: object): target is Sender {
  return 'send' in target && 'receipts$' in target;
}

/**
 * Replays the messages of dead letters, one after the other, the oldest first. A letter is removed
 * after the target has accepted its message. Letters that are added during the replay are not
 * replayed, so a message that fails again does not loop. Its new letter continues the history of
 * the old one.
 *
 * A batch that could not be decoded is a letter of the type `system.undecodable`. No handler can
 * process its bytes as a message, so it stays in the store, unless `filter` or `id` selects it.
 *
 * If the process ends between the two steps, the message was replayed and its letter is still
 * stored. The message keeps its `id`, so that `dedupe` can drop the repeat.
 *
 * @throws The error of reading the store, or of `filter`, delivered.
 * @example
 * import { memoryDeadLetters, queue, replayDeadLetters } from 'rxwire';
 *
 * const orders = queue('orders');
 * const letters = memoryDeadLetters();
 * orders
 *   .process(() => Promise.reject(new Error('no tea')), { deadLetter: letters.add })
 *   .subscribe();
 * replayDeadLetters(letters, orders, { filter: ({ error }) => error === 'no tea' }).subscribe();
 */
export function replayDeadLetters(letters: DeadLetterStore, target: ReplayTarget, options: ReplayOptions = {}): Observable<Replayed> {
  checkOptions('replayDeadLetters', options);
  const {
    id,
    filter: isWanted = ({ message }: StoredDeadLetter) => id !== undefined || message.type !== 'system.undecodable',
    ...page
  } = options;
  const found$ =
    id === undefined ? letters.list(page) : letters.list({ after: id - 1, limit: 1 }).pipe(filter((letter) => letter.id === id));
  const give = (message: Message): HandlerWork<unknown> => {
    if (typeof target === 'function') return target(message);
    // A wire reports later whether the message was acked.
    if (isWire(target)) return target.send(message);
    target.next(message);
    return undefined;
  };

  const replay = (letter: StoredDeadLetter): Observable<Replayed> => {
    const work$ = defer(() => {
      goOnFrom(letter);
      return valuesOf(give(letter.message));
    });
    const removed$ = defer(() => letters.remove(letter.id));
    return concat(work$.pipe(ignoreElements()), removed$.pipe(ignoreElements()), of<Replayed>({ letter, status: 'done' })).pipe(
      catchError((error: unknown) => of<Replayed>({ letter, status: 'failed', error })),
    );
  };
  return found$.pipe(filter(isWanted), concatMap(replay));
}
