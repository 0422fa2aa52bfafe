import { concat, defer, endWith, merge, noop, Subject, takeWhile } from 'rxjs';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import type { Layer } from '../link/link.js';
import { createMessage } from '../message/createMessage.js';
import type { Message } from '../message/types.js';
import { reconnecting } from '../session/reconnect.js';
import type { EnvelopeOptions } from './envelopeOptions.js';
import { envelopeReceiver } from './envelopeReceiver.js';
import { envelopeSender } from './envelopeSender.js';

export type { EnvelopeOptions } from './envelopeOptions.js';

/**
 * Adds at-least-once delivery to links that fail. The receiver acks each message by an `ack`
 * message that names it; the sender sends a message again until it is acked, and the receiver drops
 * repeats. This works with any peer that answers envelopes with `ack` messages.
 *
 * The messages of one microtask travel in one frame.
 *
 * @throws {DrainTimeoutError} Delivered, when messages are left `drainTimeout` ms after the end of
 *   the messages to send.
 * @throws {UndeliveredError} Delivered, when messages are left and the other side ends the session.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * import { envelopes, framed, json, webSocket } from 'rxwire';
 *
 * const messages = envelopes({ ackTimeout: 2_000 })(
 *   framed(json())(webSocket('ws://127.0.0.1:4870/wire')),
 * );
 */
export function envelopes(options: EnvelopeOptions = {}): Layer<Message, readonly Message[]> {
  const { delivery, reconnect = {}, scheduler = steadyScheduler(), report = noop, signals$ } = options;
  const reconnected = reconnecting<readonly Message[]>(reconnect, report, scheduler, signals$);
  const createSender = envelopeSender(options);
  const createReceiver = envelopeReceiver(options);

  return (link) => (outgoing) =>
    defer(() => {
      const acks$ = new Subject<Message>();
      const { toPeer$, send, run, ended$ } = createSender(acks$);
      const ack = ({ id }: Message): void => send(createMessage('ack', null, { correlationId: id, scheduler }));

      const received$ = createReceiver(link(toPeer$).pipe(reconnected), acks$, delivery === 'at-most-once' ? noop : ack);
      // The direction that ends first ends the other one.
      return concat(merge(received$, run(outgoing).pipe(endWith(undefined))).pipe(takeWhile(Boolean)), ended$);
    });
}
