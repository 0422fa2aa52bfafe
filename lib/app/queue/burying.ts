import { AsyncSubject, from } from 'rxjs';
import type { Message } from '../../message/types.js';
import type { HandlerWork } from '../../session/consume/consumeOptions.js';
import type { DeadLetter } from '../../session/store/inbox.js';
import type { Counter } from './counter.js';
import type { Item } from './item.js';

export interface BuryingOptions<T extends Message> extends Pick<Counter<T>, 'jobOf' | 'finish' | 'putBack' | 'errors$'> {
  /** What a processor is at, and has to put back when it is left. */
  readonly running: Set<Item<T>>;
  /** Whether the processor was left. */
  readonly isLeft: () => boolean;
  readonly deadLetter: (letter: DeadLetter) => HandlerWork<unknown>;
}

/**
 * A `deadLetter` that is not given up in the middle, when its processor is left: whether the letter is kept by then nobody knows, and a message that
 * is put back beside it would come to two ends.
 */
export function burying<T extends Message>(options: BuryingOptions<T>): (letter: DeadLetter) => HandlerWork<unknown> {
  const { running, isLeft, deadLetter, jobOf, finish, putBack, errors$ } = options;
  return (letter) => {
    const work = deadLetter(letter);
    const item = [...running].find(({ message }) => message === letter.message);
    if (!work || !item) return work;

    running.delete(item);
    const kept$ = new AsyncSubject<unknown>();
    // Before the processor hears of it, which goes on with it, if it is still there.
    kept$.subscribe({
      error(error) {
        if (!isLeft()) return void running.add(item);
        errors$.next(error);
        putBack([item]);
      },
      complete() {
        if (!isLeft()) return void running.add(item);
        jobOf(item).held?.({ deadLetter: letter });
        finish(item);
      },
    });
    from(work).subscribe(kept$);
    return kept$;
  };
}
