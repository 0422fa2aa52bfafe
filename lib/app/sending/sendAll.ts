import { Observable, type Observer, type OperatorFunction } from 'rxjs';
import { readOptions } from '../../internal/readOptions.js';
import { createRing } from '../../internal/ring.js';
import type { Receipt } from '../../message/receipt.js';
import { createSending, type Sending } from './createSending.js';
import { pullFrom } from './pullFrom.js';
import { type MessageSource, SEND_OPTIONS, type SendingWire, type SendOptions, type SentReceipts } from './sendOptions.js';
import type { Message } from '../../message/types.js';

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
 * `cancel()` of a `ReadableStream`). The wire still sends the messages that it has. The stream does
 * not complete the wire.
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
 * of(createMessage('chat.said', 'hello')).pipe(sendThrough(wire)).subscribe({
 *   next: ({ status }) => console.log(status), // prints: acked
 *   error: (error) => console.error(error),
 * });
 */
export function sendThrough(wire: SendingWire, options: SendOptions = {}): OperatorFunction<Message, Receipt> {
  readOptions('sendThrough', options, SEND_OPTIONS);
  return (source) => sendAll(wire, source, options);
}
