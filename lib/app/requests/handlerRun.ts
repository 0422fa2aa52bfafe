import { from, Subscriber, type ObservableInput } from 'rxjs';
import { isPromise } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { ReplyContext } from './replyOptions.js';
import type { ReplyType } from './replyTypes.js';

/** The handler of a request, untyped. */
export type Handler = (message: Message, context: ReplyContext<string>) => ObservableInput<unknown>;

export interface HandlerRunCallbacks {
  /** Sends a reply; `number` is the number of replies before it. */
  readonly send: (request: Message, type: ReplyType, payload: unknown, number?: number) => void;
  readonly fail: (request: Message, error: unknown) => void;
  readonly progress: (request: Message, progress: unknown) => void;
  /** Discards the progress that was not sent yet. */
  readonly discardProgress: (request: Message) => void;
  /** The handler has completed or failed. */
  readonly onEnd: (request: Message) => void;
}

/**
 * The execution of one handler. It subscribes to the result of the handler, and sends each value as
 * a reply with a number. If the completion follows a value at once, that reply is marked as the
 * last, which saves a message: to know this, a reply is held until the next event.
 *
 * It is a Subscriber, so that it can end while a handler emits synchronously. Operators and
 * closures would double the cost of a request.
 */
export class HandlerRun extends Subscriber<unknown> {
  /** The request. */
  readonly message: Message;
  readonly #callbacks: HandlerRunCallbacks;
  #isOpen = true;
  /** The number of replies so far. */
  #count = 0;
  /** The reply that is held until the next event. */
  #held: { readonly value: unknown } | undefined;
  /** Whether replies are held. */
  #isHolding = true;
  /** Created on first access of `signal`: it is the most expensive part of a request. */
  #controller: AbortController | undefined;

  constructor(message: Message, callbacks: HandlerRunCallbacks) {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- only a Subscriber can end while its source emits synchronously
    super();
    this.message = message;
    this.#callbacks = callbacks;
  }

  /** Calls the handler. */
  start(handler: Handler): void {
    try {
      const returned = handler(this.message, new HandlerContext(this));
      // RxJS would treat a string as a list of characters; here it is one reply.
      from(typeof returned === 'string' ? [returned] : returned).subscribe(this);
      this.#isHolding = isPromise(returned);
      if (!this.#isHolding) this.#sendHeld();
    } catch (error) {
      this.error(error);
    }
  }

  /** Stops the handler, without a reply. */
  cancel(): void {
    this.#isOpen = false;
    this.#held = undefined;
    this.#callbacks.discardProgress(this.message);
    try {
      this.unsubscribe();
    } finally {
      this.#controller?.abort();
    }
  }

  progress(value: unknown): void {
    if (this.#isOpen) this.#callbacks.progress(this.message, value);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (!this.#isOpen) this.#controller.abort();
    return this.#controller.signal;
  }

  protected override _next(value: unknown): void {
    this.#sendHeld();
    if (!this.#isOpen) return;
    if (this.#isHolding) this.#held = { value };
    else this.#callbacks.send(this.message, 'reply', value, this.#count++);
  }

  protected override _error(error: unknown): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#sendHeld();
    this.#callbacks.fail(this.message, error);
    this.#end();
  }

  protected override _complete(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const held = this.#held;
    this.#held = undefined;
    // A single reply needs no number.
    if (held) this.#callbacks.send(this.message, 'reply.last', held.value, this.#count || undefined);
    else this.#callbacks.send(this.message, 'reply.complete', null, this.#count);
    this.#end();
  }

  #sendHeld(): void {
    const held = this.#held;
    if (!held) return;
    this.#held = undefined;
    this.#callbacks.send(this.message, 'reply', held.value, this.#count++);
  }

  #end(): void {
    try {
      this.unsubscribe();
    } finally {
      this.#callbacks.onEnd(this.message);
    }
  }
}

/** The second argument of a handler. Its properties may be taken apart. */
class HandlerContext implements ReplyContext<string> {
  readonly #run: HandlerRun;

  constructor(run: HandlerRun) {
    this.#run = run;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  get progress(): ReplyContext<string>['progress'] {
    return (value) => this.#run.progress(value);
  }
}
