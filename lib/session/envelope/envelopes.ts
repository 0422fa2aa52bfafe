import { asyncScheduler, defer, endWith, merge, noop, Subject, takeWhile } from 'rxjs';
import type { Layer } from '../../link/link.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import type { EnvelopeOptions } from './envelopeOptions.js';
import { receiving } from './receiving.js';
import { reconnecting } from '../reconnect.js';
import { sending } from './sending.js';

export type { EnvelopeOptions } from './envelopeOptions.js';

/**
 * The classic at-least-once over links that fail: each message is acked by an `ack` message that names it, sent again until
 * it is, and dropped by its receiver when it comes twice. Any peer that answers envelopes with `ack` messages will do.
 *
 * What is sent in one microtask travels in one frame.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * const messages = envelopes({ ackTimeout: 2_000 })(framed(json())(webSocket('ws://127.0.0.1:4870/wire')));
 */
export function envelopes(options: EnvelopeOptions = {}): Layer<Message, readonly Message[]> {
  const { delivery, reconnect = {}, scheduler = asyncScheduler, report = noop, signals$ } = options;
  const reconnected = reconnecting<readonly Message[]>(reconnect, report, scheduler, signals$);
  const createSender = sending(options);
  const createReceiver = receiving(options);

  return (link) => (outgoing) =>
    defer(() => {
      const acks$ = new Subject<Message>();
      const { toPeer$, send, run } = createSender(acks$);
      const ack = ({ id }: Message): void => send(createMessage('ack', null, { correlationId: id, scheduler }));

      const received$ = createReceiver(link(toPeer$).pipe(reconnected), acks$, delivery === 'at-most-once' ? noop : ack);
      // Whichever ends first ends the other.
      return merge(received$, run(outgoing).pipe(endWith(undefined))).pipe(takeWhile(Boolean));
    });
}
