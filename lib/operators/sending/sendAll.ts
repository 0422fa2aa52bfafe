import { asapScheduler, Observable, type Observer, type OperatorFunction, Subscription } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { InvalidMessageError, MessageDroppedError, WireClosedError } from '../../message/errors.js';
import { readOptions } from '../../message/options/readOptions.js';
import { createRing } from '../buffers/ring.js';
import { isFinal, type Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import { type MessageSink, pullFrom, type StartPull } from './pullFrom.js';
import { type MessageSource, SEND_OPTIONS, type SendingWire, type SendOptions, type SentReceipts } from './sendOptions.js';

/**
 * Sends the messages of a source, and returns their last receipts in the order of the source. At
 * most `ahead` messages are sent and have no outcome yet; then it waits before it reads the next
 * one. Each subscription, and each `for await` loop, sends the source from its beginning. In a
 * `for await` loop, a receipt that the loop has not processed counts as a message without an
 * outcome: a slow loop slows the source.
 *
 * An iterable, an async iterable, a Node `Readable` and a Web `ReadableStream` wait until there is
 * room. An Observable cannot wait: its messages are buffered, `maxBuffered` at most.
 *
 * Unsubscribing stops the source (`return()` of an iterator, which destroys a `Readable`;
 * `cancel()` of a `ReadableStream`). The wire sends the messages that it has, and goes on.
 *
 * @param source The messages.
 * @throws {RangeError} At call time, if a number is not a whole number from 1 on.
 * @throws {TypeError} At call time, if `source` is no source of messages.
 * @throws {RxwireError} Delivered: the error of the first message that is given up, after the
 *   receipts of all messages before it; with `emitFailed` its receipt is emitted instead.
 * @throws {OverflowError} Delivered at once, when more than `maxBuffered` messages of an Observable
 *   wait. The stream does not send these messages.
 * @throws {WireClosedError} Delivered, when the wire completes before the source. When the wire
 *   fails, its error is delivered instead.
 * @throws Delivered: the error of the source, after the receipts of all messages before it.
 * @example
 * import { connect, createMessage, sendAll, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const rows = Array.from({ length: 3 }, (_, row) => createMessage('row.added', { row }));
 * for await (const { status } of sendAll(wire, rows)) console.log(status);
 * // prints: acked
 * // prints: acked
 * // prints: acked
 */
export function sendAll(wire: SendingWire, source: MessageSource, options: SendOptions = {}): SentReceipts {
  checkOptions('sendAll', options);
  const { ahead, maxBuffered, emitFailed } = readOptions('sendAll', options, SEND_OPTIONS);
  const start = pullFrom(source, maxBuffered);

  const receipts$ = new Observable<Receipt>((to) => {
    const sending = createSending(wire, start, to, { ahead, emitFailed, isHeld: false });
    to.add(() => sending.stop());
    sending.start();
  });
  const iterate = (): AsyncIterator<Receipt> => receiptsOf((to) => createSending(wire, start, to, { ahead, emitFailed, isHeld: true }));
  return Object.assign(receipts$, { [Symbol.asyncIterator]: iterate });
}

async function* receiptsOf(create: (to: Observer<Receipt>) => Sending): AsyncGenerator<Receipt, void> {
  const ready = createRing<Receipt>();
  let end: { readonly error?: unknown } | undefined;
  let wake = (): void => undefined;
  const onEnd = (how: { readonly error?: unknown }): void => {
    end = how;
    wake();
  };
  const sending = create({
    next(receipt) {
      ready.push(receipt);
      wake();
    },
    error: (error: unknown) => onEnd({ error }),
    complete: () => onEnd({}),
  });
  sending.start();
  try {
    for (;;) {
      const receipt = ready.shift();
      if (receipt) {
        yield receipt;
        sending.release();
      } else if (!end) await new Promise<void>((resolve) => (wake = resolve));
      else if ('error' in end) throw end.error;
      else return;
    }
  } finally {
    sending.stop();
  }
}

/**
 * Sends each message of the source over a wire, and emits its last receipt, in the order of the
 * source. This is {@link sendAll} as an operator: `ahead` messages are sent and have no outcome
 * yet, at most; the next `maxBuffered` messages wait; one more fails the stream.
 *
 *     source                           -a-b-c----|
 *     acks                             -----a-b--c
 *     sendThrough(wire, ahead: 2)      -----a-b--(c|)
 *
 * @throws {RangeError} At call time, if a number is not a whole number from 1 on.
 * @throws {RxwireError} Delivered, as by {@link sendAll}.
 * @throws {OverflowError} Delivered, when more than `maxBuffered` messages wait.
 * @example
 * import { of } from 'rxjs';
 * import { connect, createMessage, sendThrough, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * of(createMessage('chat.said', { text: 'hello' })).pipe(sendThrough(wire)).subscribe({
 *   next: ({ status }) => console.log(status), // prints: acked
 *   error: (error) => console.error(error),
 * });
 */
export function sendThrough(wire: SendingWire, options: SendOptions = {}): OperatorFunction<Message, Receipt> {
  checkOptions('sendThrough', options);
  readOptions('sendThrough', options, SEND_OPTIONS);
  return (source) => sendAll(wire, source, options);
}

type Sending = ReturnType<typeof createSending>;

type SendingOptions = Required<Pick<SendOptions, 'ahead' | 'emitFailed'>> & {
  /** Whether the subscriber calls `release` for each receipt. */
  readonly isHeld: boolean;
};

/** Sends the messages of a source, and passes on their last receipts in order. */
export function createSending(wire: SendingWire, startPull: StartPull, to: Observer<Receipt>, options: SendingOptions) {
  const { ahead, emitFailed, isHeld } = options;
  const receipts = new Subscription();
  const order = createReceiptOrder();
  /** The number of messages that take the room of `ahead`. */
  let used = 0;
  let isOver = false;
  let isPassing = false;
  let reason: Error | undefined;
  let end: { readonly error?: unknown } | undefined;

  const sink: MessageSink = {
    hasRoom: () => !isOver && !reason && used < ahead,
    next(message) {
      if (isOver) return;
      if (Object(message) !== message) {
        fail(new InvalidMessageError('message', 'must be an object'));
        return;
      }
      used++;
      order.add(message.id);
      wire.next(message);
    },
    end(how = {}) {
      end ??= how;
      if (order.isEmpty()) finish(end);
    },
    fail: (error) => fail(error),
  };
  const source = startPull(sink);

  const stop = (): void => {
    if (isOver) return;
    isOver = true;
    receipts.unsubscribe();
    source.release();
  };
  const finish = (how: { readonly error?: unknown }): void => {
    if (isOver) return;
    stop();
    if ('error' in how) to.error(how.error);
    else to.complete();
  };
  const fail = (error: unknown): void => finish({ error });
  const giveUp = (error: Error): void => {
    reason = error;
    if (!isEnd(error)) fail(error);
    // The error of the wire follows: at once, or after the end of a connection that drains.
    else if (wire.state.status !== 'disconnecting') asapScheduler.schedule(() => fail(error));
  };
  const pass = (): void => {
    if (isPassing) return;
    isPassing = true;
    for (let receipt = order.peek(); receipt && !isOver && !reason; receipt = order.peek()) {
      if (receipt.error && !emitFailed) giveUp(receipt.error);
      else {
        order.shift();
        if (!isHeld) used--;
        to.next(receipt);
      }
    }
    isPassing = false;
    if (end && order.isEmpty()) finish(end);
  };
  const next = (receipt: Receipt): void => {
    if (!order.isOpen(receipt.id) || !isFinal(receipt, wire)) return;
    order.settle(receipt);
    pass();
    source.pull();
  };

  return {
    start(): void {
      receipts.add(wire.receipts$.subscribe({ next, complete: () => fail(reasonOf(wire, reason)) }));
      source.pull();
    },
    stop,
    /** Makes room for one message: to be called for each processed receipt, if `isHeld`. */
    release(): void {
      used--;
      source.pull();
    },
  };
}

/** Returns whether a message was given up because the wire ends. */
function isEnd(error: Error): boolean {
  return error instanceof MessageDroppedError && error.reason === 'closed';
}

function reasonOf({ state }: SendingWire, reason: Error | undefined): unknown {
  return state.status === 'error' ? state.error : (reason ?? new WireClosedError());
}

interface Sent {
  receipt: Receipt | undefined;
  /** An earlier message with the same id, which is the same message for the wire. */
  readonly twin: Sent | undefined;
}

/** Puts the last receipts of messages into the order in which the messages were sent. */
function createReceiptOrder() {
  const sent = createRing<Sent>();
  const open = new Map<string, Sent>();

  return {
    isEmpty: (): boolean => sent.size === 0,
    add(id: string): void {
      const one: Sent = { receipt: undefined, twin: open.get(id) };
      open.set(id, one);
      sent.push(one);
    },
    isOpen: (id: string): boolean => open.has(id),
    settle(receipt: Receipt): void {
      for (let one = open.get(receipt.id); one; one = one.twin) one.receipt = receipt;
      open.delete(receipt.id);
    },
    peek: (): Receipt | undefined => sent.peek()?.receipt,
    shift: (): void => void sent.shift(),
  };
}
