import { from, isObservable, takeWhile, type ObservableInput, type Subscription } from 'rxjs';
import type { Message } from '../../message/types.js';
import { createReplyContext, type Abortable } from './replyContext.js';
import { addReply, completeReplies, setHolding, type NumberedReplies, type SendReply } from './numberedReplies.js';
import type { ReplyContext } from './replyOptions.js';

/** The handler of a request, untyped. */
export type Handler = (message: Message, context: ReplyContext<string>) => ObservableInput<unknown>;

export interface HandlerRunCallbacks {
  readonly send: SendReply;
  readonly fail: (request: Message, error: unknown) => void;
  readonly progress: (request: Message, progress: unknown) => void;
  /** Discards the progress that was not sent yet. */
  readonly discardProgress: (request: Message) => void;
  /** The handler has completed or failed. */
  readonly onEnd: (request: Message) => void;
}

/** The execution of one handler. It is plain data with functions beside it: closures would double the cost of a request. */
export interface HandlerRun extends NumberedReplies, Abortable {
  isOpen: boolean;
  work: Subscription | undefined;
}

export function createHandlerRun(request: Message): HandlerRun {
  return { request, count: 0, held: undefined, isHolding: true, isOpen: true, controller: undefined, work: undefined };
}

export function startHandler(run: HandlerRun, handler: Handler, callbacks: HandlerRunCallbacks): void {
  const { request } = run;
  const { send, fail, onEnd } = callbacks;
  const error = (reason: unknown): void => {
    if (!run.isOpen) return;
    run.isOpen = false;
    setHolding(run, false, send);
    fail(request, reason);
    onEnd(request);
  };
  const complete = (): void => {
    if (!run.isOpen) return;
    run.isOpen = false;
    completeReplies(run, send);
    onEnd(request);
  };
  const progress = (value: unknown): void => {
    if (run.isOpen) callbacks.progress(request, value);
  };
  try {
    const returned = handler(request, createReplyContext(run, progress));
    // RxJS would treat a string as a list of characters; here it is one reply. `takeWhile` stops a handler that emits endlessly while it is
    // being subscribed to.
    const values$ = from(typeof returned === 'string' ? [returned] : returned).pipe(takeWhile(() => run.isOpen));
    run.work = values$.subscribe({ next: (value) => addReply(run, value, send), error, complete });
    setHolding(run, isPromise(returned), send);
  } catch (reason) {
    error(reason);
  }
}

/** Stops a handler whose result nobody needs any more. */
export function cancelHandler(run: HandlerRun, { discardProgress }: HandlerRunCallbacks): void {
  run.isOpen = false;
  run.held = undefined;
  discardProgress(run.request);
  run.work?.unsubscribe();
  run.controller?.abort();
}

function isPromise(work: ObservableInput<unknown>): boolean {
  return !isObservable(work) && typeof (work as { readonly then?: unknown }).then === 'function';
}
