import { Subject } from 'rxjs';
import { WireClosedError, type RxwireError } from '../../errors.js';

/** The answers of the hub that are awaited, by the id of the request. */
export interface PendingAnswers<T> {
  /** Returns what emits the answers to a request. */
  readonly open: (id: string) => Subject<T>;
  /** Removes a request that has no subscriber any more. */
  readonly close: (id: string) => void;
  readonly next: (id: string, answer: T) => void;
  /** Fails a request. Returns whether there is one. */
  readonly fail: (id: string, error: Error) => boolean;
  /** The wire has ended, with its error if it failed. */
  readonly end: (error?: RxwireError) => void;
}

export function createPendingAnswers<T>(): PendingAnswers<T> {
  const answers = new Map<string, Subject<T>>();

  return {
    open(id) {
      const answer$ = answers.get(id) ?? new Subject<T>();
      answers.set(id, answer$);
      return answer$;
    },
    close(id) {
      if (answers.get(id)?.observed !== true) answers.delete(id);
    },
    next: (id, answer) => answers.get(id)?.next(answer),
    fail(id, error) {
      const answer$ = answers.get(id);
      answer$?.error(error);
      return answer$ !== undefined;
    },
    end(error) {
      for (const [id, answer$] of [...answers]) answer$.error(error ?? new WireClosedError(id));
    },
  };
}
