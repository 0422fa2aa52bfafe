import { Subscription } from 'rxjs';
import { OverflowError } from '../../errors.js';
import { firstOf } from '../../internal/firstOf.js';
import type { Message } from '../../message/types.js';
import { termsOfDelivery } from '../../session/receive/delivery.js';
import { HandlerRun, type Handler } from './handlerRun.js';
import { createReplySender, isQueueFull, type ReplySenderOptions } from './replySender.js';

export interface ResponderOptions extends ReplySenderOptions {
  /** Whether the source of the requests is a wire: all of them end with it. */
  readonly isWireSource: boolean;
  /** By the type of the request. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly concurrency: number;
  readonly maxWaiting: number;
}

/** Runs the handlers of requests with limited concurrency; the other requests wait. */
export function createResponder(options: ResponderOptions) {
  const { handlers, concurrency, maxWaiting, subscriber, wire, isWireSource } = options;
  /** By the id of the request. */
  const running = new Map<string, HandlerRun>();
  const waiting = new Map<string, HandlerRun>();
  const firstWaiting = firstOf(waiting);
  const needsTerms = !wire.report || !isWireSource;
  let isAdvancing = false;
  let isEnding = false;

  const finish = (): void => {
    if (isEnding && running.size + waiting.size === 0) subscriber.complete();
  };
  const start = (run: HandlerRun): void => {
    running.set(run.key, run);
    run.start();
  };
  /**
   * Starts waiting requests while there is capacity. A loop, because synchronous handlers call
   * `advance` again.
   */
  const advance = (): void => {
    if (isAdvancing || waiting.size === 0) return;
    isAdvancing = true;
    for (let next = firstWaiting(); next && running.size < concurrency; next = firstWaiting()) {
      waiting.delete(next.key);
      start(next);
    }
    isAdvancing = false;
  };
  const cancel = (id: string): void => {
    waiting.delete(id);
    const run = running.get(id);
    if (!run) return;
    running.delete(id);
    try {
      run.cancel();
    } finally {
      advance();
    }
  };
  const sender = createReplySender(options, (run, error) => {
    cancel(run.key);
    if (!isQueueFull(error)) sender.fail(run, error);
    finish();
  });
  const onEnd = ({ key }: HandlerRun): void => {
    running.delete(key);
    advance();
    finish();
  };
  const callbacks = { ...sender, onEnd };
  const admit = (message: Message, handler: Handler): void => {
    const { id } = message;
    // A duplicate is answered by the run that exists.
    if (running.has(id) || waiting.has(id)) return;
    const run = new HandlerRun(message, handler, needsTerms ? termsOfDelivery(message) : undefined, callbacks);
    if (waiting.size === 0 && running.size < concurrency) start(run);
    else if (waiting.size < maxWaiting) waiting.set(id, run);
    else sender.fail(run, new OverflowError('reply', maxWaiting));
  };
  return {
    receive(message: Message): void {
      const { type, correlationId = '' } = message;
      const handler = handlers.get(type);
      if (handler) admit(message, handler);
      else if (type === 'request.cancel') cancel(correlationId);
    },
    /**
     * Completes the replies when all requests are answered, except those of wires that have ended:
     * their handlers stop.
     */
    complete(): void {
      isEnding = true;
      const open = [...waiting.values(), ...running.values()];
      const ended = open.filter(({ terms }) => isWireSource || terms?.isOver() === true);
      // The teardown of the subscriber stops all.
      if (ended.length === open.length) subscriber.complete();
      else for (const { key } of ended) cancel(key);
    },
    /** Stops all handlers without a reply. */
    close(): void {
      waiting.clear();
      sender.close();
      // A Subscription runs all of its teardowns, also when one throws.
      const runs = new Subscription();
      for (const run of running.values()) runs.add(() => run.cancel());
      running.clear();
      runs.unsubscribe();
    },
  };
}
