import { from, isObservable, takeWhile, type ObservableInput, type Subscription } from 'rxjs';
import type { Message } from '../message/types.js';
import { createReplies, type Say } from './replies.js';
import type { ReplyContext } from './replyOptions.js';

/** A handler, as it is called. */
export type Handler = (message: Message, context: ReplyContext<string>) => ObservableInput<unknown>;

export interface AnswerParts {
  readonly say: Say;
  readonly fail: (request: Message, error: unknown) => void;
  readonly progress: (request: Message, progress: unknown) => void;
  /** What was not said of it yet need not be said. */
  readonly forget: (request: Message) => void;
  /** The answer is complete, or has failed. */
  readonly onEnd: (request: Message) => void;
}

/** One request while it is answered. */
export interface Answer {
  begin(): void;
  /** Nobody waits for it any more. */
  cancel(): void;
}

export function createAnswer(request: Message, handler: Handler, { say, fail, progress, forget, onEnd }: AnswerParts): Answer {
  const replies = createReplies(request, say);
  let isOpen = true;
  let work: Subscription | undefined;

  const end = (say: () => void): void => {
    if (!isOpen) return;
    isOpen = false;
    say();
    onEnd(request);
  };
  const failWith = (error: unknown): void =>
    end(() => {
      replies.settle(false);
      fail(request, error);
    });
  const observer = { next: replies.add, error: failWith, complete: () => end(replies.complete) };
  const { context, abort } = createContext(
    () => isOpen,
    (value) => progress(request, value),
  );

  return {
    begin() {
      try {
        const returned = handler(request, context);
        // A handler that does not end would not be stopped while it is being subscribed to.
        work = from(returned)
          .pipe(takeWhile(() => isOpen))
          .subscribe(observer);
        replies.settle(isPromise(returned));
      } catch (error) {
        failWith(error);
      }
    },
    cancel() {
      isOpen = false;
      replies.drop();
      forget(request);
      work?.unsubscribe();
      abort();
    },
  };
}

function createContext(isOpen: () => boolean, progress: (value: unknown) => void) {
  // Made when somebody asks for it: it costs more than all the rest.
  let controller: AbortController | undefined;
  const abort = (): void => controller?.abort();
  const context: ReplyContext<string> = {
    get signal() {
      controller ??= new AbortController();
      if (!isOpen()) abort();
      return controller.signal;
    },
    progress: (value) => {
      if (isOpen()) progress(value);
    },
  };
  return { context, abort };
}

function isPromise(work: ObservableInput<unknown>): boolean {
  return !isObservable(work) && typeof (work as { readonly then?: unknown }).then === 'function';
}
