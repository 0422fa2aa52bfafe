import { Subscription } from 'rxjs';
import { OverflowError } from '../../errors.js';
import { firstOf } from '../../internal/firstOf.js';
import type { Message } from '../../message/types.js';
import { HandlerRun, type Handler } from './handlerRun.js';
import { createReplySender, type ReplySenderOptions } from './replySender.js';
import { createRequestReporters } from './requestReporters.js';
import { isQueueFull } from './undeliverableReplies.js';

export interface ResponderOptions extends Omit<ReplySenderOptions, 'reporterOf'> {
  /** Whether the source of the requests is a wire. */
  readonly isWireSource: boolean;
  /** By the type of the request. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly concurrency: number;
  readonly maxWaiting: number;
}

/** Runs the handlers of requests with limited concurrency; the other requests wait. */
export interface Responder {
  receive(message: Message): void;
  /**
   * Completes the replies when all requests are answered, except those of wires that have ended:
   * their handlers stop.
   */
  complete(): void;
  /** Stops all handlers without a reply. */
  close(): void;
}

interface WaitingRequest {
  /** The id of the request. */
  readonly key: string;
  readonly message: Message;
  readonly handler: Handler;
}

export function createResponder(options: ResponderOptions): Responder {
  const { handlers, concurrency, maxWaiting, subscriber } = options;
  const running = new Map<string, HandlerRun>();
  const reporters = createRequestReporters(options.wire, options.isWireSource);
  const sender = createReplySender({ ...options, reporterOf: reporters.of }, (request, error) => {
    cancel(request.id);
    if (!isQueueFull(error)) sender.fail(request, error);
    finish();
  });
  let isEnding = false;

  const onEnd = ({ id }: Message): void => {
    running.delete(id);
    waitingRequests.advance();
    finish();
  };
  const finish = (): void => {
    if (isEnding && running.size + waitingRequests.waiting.size === 0) subscriber.complete();
  };
  const callbacks = { ...sender, onEnd };
  const start = ({ key, message, handler }: WaitingRequest): void => {
    const run = new HandlerRun(message, callbacks);
    running.set(key, run);
    run.start(handler);
  };
  const waitingRequests = createWaitingRequests(start, () => running.size < concurrency);

  const cancel = (id: string): void => {
    waitingRequests.waiting.delete(id);
    const run = running.get(id);
    if (!run) return;
    running.delete(id);
    try {
      run.cancel();
    } finally {
      waitingRequests.advance();
    }
  };
  const admit = (message: Message, handler: Handler): void => {
    const { id: key } = message;
    const { size } = waitingRequests.waiting;
    // A duplicate is answered by the run that exists.
    if (running.has(key) || waitingRequests.waiting.has(key)) return;
    reporters.note(message);
    if (size === 0 && running.size < concurrency) start({ key, message, handler });
    else if (size < maxWaiting) waitingRequests.waiting.set(key, { key, message, handler });
    else sender.fail(message, new OverflowError('reply', maxWaiting));
  };
  return {
    receive(message) {
      const { type, correlationId = '' } = message;
      const handler = handlers.get(type);
      if (handler) admit(message, handler);
      else if (type === 'request.cancel') cancel(correlationId);
    },
    complete() {
      isEnding = true;
      const open = [...waitingRequests.waiting.values(), ...running.values()];
      const ended = open.filter(({ message }) => reporters.hasEnded(message));
      // The teardown of the subscriber stops all.
      if (ended.length === open.length) subscriber.complete();
      else for (const { message } of ended) cancel(message.id);
    },
    close() {
      waitingRequests.waiting.clear();
      sender.close();
      // A Subscription runs all of its teardowns, also when one throws.
      const runs = new Subscription();
      for (const run of running.values()) runs.add(() => run.cancel());
      running.clear();
      runs.unsubscribe();
    },
  };
}

function createWaitingRequests(start: (next: WaitingRequest) => void, hasRoom: () => boolean) {
  const waiting = new Map<string, WaitingRequest>();
  const first = firstOf(waiting);
  let isAdvancing = false;

  return {
    waiting,
    /**
     * Starts waiting requests while there is capacity. A loop, because synchronous handlers call
     * `advance` again.
     */
    advance(): void {
      if (isAdvancing || waiting.size === 0) return;
      isAdvancing = true;
      for (let next = hasRoom() ? first() : undefined; next; next = hasRoom() ? first() : undefined) {
        waiting.delete(next.key);
        start(next);
      }
      isAdvancing = false;
    },
  };
}
