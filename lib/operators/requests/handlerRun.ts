import { from, Subscriber } from 'rxjs';
import { isPromise, isStream } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { SessionCapabilities } from '../../wire/session/messageClaim.js';
import type { ReplyContext } from './requestTypes.js';
import type { ReplyType } from './replyMessage.js';

export type Handler = (message: Message, context: ReplyContext<string>) => unknown;

export interface HandlerRunCallbacks {
  /** Sends a reply; `number` is the number of replies before it. */
  readonly send: (run: HandlerRun, type: ReplyType, payload: unknown, number?: number) => void;
  readonly fail: (run: HandlerRun, error: unknown) => void;
  readonly progress: (run: HandlerRun, progress: unknown) => void;
  /** Discards the progress that was not sent yet. */
  readonly discardProgress: (run: HandlerRun) => void;
  readonly onEnd: (run: HandlerRun) => void;
}

/**
 * A request and the execution of its handler. It subscribes to the result of the handler, and sends
 * each value as a reply with a number. If the completion follows a value at once, that reply is
 * marked as the last, which saves a message: to know this, a reply is held until the next event.
 *
 * It is a Subscriber, so that it can end while a handler emits synchronously. Operators and
 * closures would double the cost of a request. It is also the second argument of the handler.
 */
export class HandlerRun extends Subscriber<unknown> implements ReplyContext<string> {
  readonly message: Message;
  readonly session: SessionCapabilities | undefined;
  readonly #handler: Handler;
  readonly #callbacks: HandlerRunCallbacks;
  #isOpen = true;
  #count = 0;
  #held: unknown;
  #hasHeld = false;
  #isHolding = true;
  /** Created on first access of `signal`: it is the most expensive part of a request. */
  #controller: AbortController | undefined;

  constructor(message: Message, handler: Handler, session: SessionCapabilities | undefined, callbacks: HandlerRunCallbacks) {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- only a Subscriber can end while its source emits synchronously
    super();
    this.message = message;
    this.session = session;
    this.#handler = handler;
    this.#callbacks = callbacks;
  }

  get key(): string {
    return this.message.id;
  }

  start(): void {
    try {
      const returned = this.#handler(this.message, this);
      if (!isStream(returned)) this.#finish('reply.last', returned);
      else if (isPromise(returned))
        returned.then(
          (value) => this.#finish('reply.last', value),
          (error: unknown) => this.error(error),
        );
      else {
        from(returned).subscribe(this);
        this.#isHolding = false;
        this.#sendHeld();
      }
    } catch (error) {
      this.error(error);
    }
  }

  /** Stops the handler, without a reply. */
  cancel(): void {
    this.#isOpen = false;
    this.#hasHeld = false;
    this.#callbacks.discardProgress(this);
    try {
      this.unsubscribe();
    } finally {
      this.#controller?.abort();
    }
  }

  get progress(): ReplyContext<string>['progress'] {
    return (value) => {
      if (this.#isOpen) this.#callbacks.progress(this, value);
    };
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (!this.#isOpen) this.#controller.abort();
    return this.#controller.signal;
  }

  protected override _next(value: unknown): void {
    this.#sendHeld();
    if (!this.#isOpen) return;
    if (!this.#isHolding) this.#callbacks.send(this, 'reply', value, this.#count++);
    else {
      this.#held = value;
      this.#hasHeld = true;
    }
  }

  protected override _error(error: unknown): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#sendHeld();
    this.#callbacks.fail(this, error);
    this.#end();
  }

  protected override _complete(): void {
    // A single reply needs no number.
    if (this.#hasHeld) this.#finish('reply.last', this.#held, this.#count || undefined);
    else this.#finish('reply.complete', null, this.#count);
  }

  #sendHeld(): void {
    if (!this.#hasHeld) return;
    this.#hasHeld = false;
    this.#callbacks.send(this, 'reply', this.#held, this.#count++);
  }

  #finish(type: ReplyType, payload: unknown, number?: number): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#hasHeld = false;
    this.#callbacks.send(this, type, payload, number);
    this.#end();
  }

  #end(): void {
    try {
      this.unsubscribe();
    } finally {
      this.#callbacks.onEnd(this);
    }
  }
}
