import { concat, defer, endWith, merge, noop, Observable, Subject, takeUntil, takeWhile, type Observer } from 'rxjs';
import type { Layer } from '../link/link.js';
import { createMessage } from '../message/createMessage.js';
import type { Message } from '../message/types.js';
import { Reconnection, reconnectPolicy, type ReconnectPolicy } from '../session/reconnect.js';
import { readEnvelopeOptions, type EnvelopeOptions } from './envelopeOptions.js';
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
  const read = readEnvelopeOptions(options);
  const { delivery, reconnect = {}, scheduler, report, signals$ } = read;
  const policy = reconnectPolicy(reconnect, report, scheduler, signals$);
  const createSender = envelopeSender(read);
  const createReceiver = envelopeReceiver(read);

  return (link) => (outgoing) =>
    defer(() => {
      const acks$ = new Subject<Message>();
      const { toPeer$, send, run, ended$ } = createSender(acks$);
      const ack = ({ id }: Message): void => send(createMessage('ack', null, { correlationId: id, scheduler }));

      const received$ = createReceiver(reconnecting(link(toPeer$), policy), acks$, delivery === 'at-most-once' ? noop : ack);
      // The direction that ends first ends the other one.
      return concat(merge(received$, run(outgoing).pipe(endWith(undefined))).pipe(takeWhile(Boolean)), ended$);
    });
}

/** Subscribes to the source again when it fails, as the policy says. Each value is progress. */
function reconnecting<T>(source: Observable<T>, policy: ReconnectPolicy): Observable<T> {
  // eslint-disable-next-line no-restricted-syntax -- `takeUntil` ends the source, even while it is being subscribed to
  return new Observable((to) => {
    const left = new Subject<void>();
    const attempt$ = source.pipe(takeUntil(left));
    const onGivenUp = (error: unknown): void => to.error(error);
    const reconnection = new Reconnection(policy, { open: () => attempt$.subscribe(observer), onGivenUp });
    const observer: Observer<T> = {
      next(value) {
        reconnection.succeeded();
        to.next(value);
      },
      error: (error) => reconnection.failed(error),
      complete: () => to.complete(),
    };
    to.add(() => left.next());
    to.add(reconnection);
    reconnection.start();
  });
}
