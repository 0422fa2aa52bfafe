import type { OperatorFunction } from 'rxjs';
import { readOptions } from '../../internal/readOptions.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import { sendAll } from './sendAll.js';
import { SEND_OPTIONS, type SendingWire, type SendOptions } from './sendOptions.js';

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
