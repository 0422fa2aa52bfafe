import { from, isObservable, takeWhile, type ObservableInput, type Subscription } from 'rxjs';
import type { Message } from '../../message/types.js';
import { createContext, type Abortable } from './answerContext.js';
import { addReply, completeReplies, settleReplies, type Replies, type Say } from './replies.js';
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

/** One request while it is answered. Plain data, and functions beside it: with closures instead, each request would cost twice as much. */
export interface Answer extends Replies, Abortable {
  isOpen: boolean;
  work: Subscription | undefined;
}

export function createAnswer(request: Message): Answer {
  return { request, count: 0, kept: undefined, isKeeping: true, isOpen: true, controller: undefined, work: undefined };
}

export function beginAnswer(answer: Answer, handler: Handler, parts: AnswerParts): void {
  const { request } = answer;
  const { say, fail, onEnd } = parts;
  const error = (reason: unknown): void => {
    if (!answer.isOpen) return;
    answer.isOpen = false;
    settleReplies(answer, false, say);
    fail(request, reason);
    onEnd(request);
  };
  const complete = (): void => {
    if (!answer.isOpen) return;
    answer.isOpen = false;
    completeReplies(answer, say);
    onEnd(request);
  };
  const progress = (value: unknown): void => {
    if (answer.isOpen) parts.progress(request, value);
  };
  try {
    const returned = handler(request, createContext(answer, progress));
    // A string is a list of letters to RxJS, and one reply to everybody else. A handler that emits without end could not be stopped while it is being subscribed to.
    const values$ = from(typeof returned === 'string' ? [returned] : returned).pipe(takeWhile(() => answer.isOpen));
    answer.work = values$.subscribe({ next: (value) => addReply(answer, value, say), error, complete });
    settleReplies(answer, isPromise(returned), say);
  } catch (reason) {
    error(reason);
  }
}

/** Nobody waits for it any more. */
export function cancelAnswer(answer: Answer, { forget }: AnswerParts): void {
  answer.isOpen = false;
  answer.kept = undefined;
  forget(answer.request);
  answer.work?.unsubscribe();
  answer.controller?.abort();
}

function isPromise(work: ObservableInput<unknown>): boolean {
  return !isObservable(work) && typeof (work as { readonly then?: unknown }).then === 'function';
}
