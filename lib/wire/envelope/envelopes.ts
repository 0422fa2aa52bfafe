import { concat, defer, EMPTY, endWith, ignoreElements, merge, noop, Observable, Subject, takeUntil, takeWhile, tap } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import type { Layer } from '../../io/link.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import { platformSignals, type NetworkSignal } from '../session/networkSignals.js';
import { reconnecting, reconnectPolicy, watchSignals, type ReconnectPolicy } from '../session/reconnect.js';
import { readEnvelopeOptions, type EnvelopeOptions, type FullEnvelopeOptions } from './envelopeOptions.js';
import { envelopeSender } from './envelopeSender.js';
import { OverflowError, SessionLostError } from '../../message/errors.js';
import { createRecentKeys } from '../../operators/buffers/recentKeys.js';
import { deliver, type DeliverySession } from '../session/messageClaim.js';

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
  checkOptions('envelopes', options);
  return envelopeLayer(options);
}

/** Returns the layer of {@link envelopes}, with options that may contain others. */
export function envelopeLayer(options: EnvelopeOptions): Layer<Message, readonly Message[]> {
  const read = readEnvelopeOptions(options);
  const { delivery, reconnect, scheduler } = read;
  const policy = reconnectPolicy(reconnect, scheduler);
  const createSender = envelopeSender(read);
  const createReceiver = envelopeReceiver(read);

  return (link) => (outgoing) =>
    defer(() => {
      const acks$ = new Subject<Message>();
      const { toPeer$, send, run, ended$ } = createSender(acks$);
      const ack = ({ id }: Message): void => send(createMessage('ack', null, { correlationId: id, scheduler }));

      const received$ = createReceiver(reconnected(link(toPeer$), policy, read), acks$, delivery === 'at-most-once' ? noop : ack);
      // The direction that ends first ends the other one.
      return concat(merge(received$, run(outgoing).pipe(endWith(undefined))).pipe(takeWhile(Boolean)), ended$);
    });
}

/** Subscribes to the source again when it fails. Each value is progress. */
function reconnected<T>(
  source: Observable<T>,
  policy: ReconnectPolicy,
  { report, signals$ = platformSignals() }: FullEnvelopeOptions,
): Observable<T> {
  // eslint-disable-next-line no-restricted-syntax -- `takeUntil` ends the source, even while it is being subscribed to
  return new Observable((to) => {
    const left = new Subject<void>();
    const state = reconnecting(policy, report);
    const wake = (signal: NetworkSignal): void => {
      if (signal !== 'offline') state.wake();
    };
    const next = (value: T): void => {
      state.attempts = 0;
      to.next(value);
    };
    to.add(() => left.next());
    to.add(watchSignals(signals$, wake, report));
    // The error is delivered before the last connection is released.
    const error = (reason: unknown): void => to.error(state.lastError(reason));
    to.add(source.pipe(takeUntil(left), state.connections).subscribe({ next, error, complete: () => to.complete() }));
  });
}

/** Creates receivers of sessions, which emit each message once, in order, and ack it afterwards. */
export function envelopeReceiver(options: FullEnvelopeOptions) {
  const { maxHeld, dedupeTtl, dedupeSize, whenSubscribed, onArrival = noop, scheduler, report, deadLetter } = options;
  const session: DeliverySession = {
    canWrite: false,
    isOver: false,
    reportError: (error) => report({ kind: 'error', error }),
    deadLetter,
    // The acks do not wait for the handlers.
    settle(_number, outcomes, _progress, isAbandoned) {
      for (const { onDone, onAbandoned } of outcomes) (isAbandoned ? onAbandoned : onDone)?.();
    },
  };

  return (batches$: Observable<readonly Message[]>, acks$: Subject<Message>, ack: (message: Message) => void) => {
    const recent = createRecentKeys({ ttl: dedupeTtl, maxSize: dedupeSize, scheduler });
    const held = new Map<string, Message>();
    const emitted$ = new Subject<Message>();
    let isListening = false;
    let isWelcome = false;

    /** Returns whether a message is for the application, and handles the others, except acks. */
    const isForApplication = (message: Message): boolean => {
      const { type, payload } = message;
      if (type === 'ack') return false;
      if (type === 'system.welcome') {
        // A peer that has forgotten the session has lost the messages that it had still to send.
        if (isWelcome && (Object(payload) as { resumed?: unknown }).resumed === false) session.reportError(new SessionLostError());
        isWelcome = true;
      } else return type !== 'system.hello';
      return false;
    };
    // Delivered as by a session, so that the wire reports handlers that fail. The acks do not wait
    // for the handlers.
    const emit = (message: Message): void => deliver(message, (one) => emitted$.next(one), session);
    const release = (messages: readonly Message[]): void => {
      messages.filter(({ id }) => !recent.seen(id)).forEach(emit);
      messages.forEach(ack);
    };
    const hold = (message: Message): void => {
      if (held.size < maxHeld || held.has(message.id)) held.set(message.id, message);
      else session.reportError(new OverflowError('messages before the first subscriber', maxHeld));
    };
    const receive = (batch: readonly Message[]): void => {
      const messages = batch.filter(isForApplication);
      messages.forEach((message) => onArrival(message));
      if (isListening) release(messages);
      else messages.forEach(hold);
      // The last ack may end this side, which could not ack these messages afterwards.
      for (const message of batch) if (message.type === 'ack') acks$.next(message);
    };
    const listen = (): void => {
      isListening = true;
      const messages = [...held.values()];
      held.clear();
      release(messages);
    };
    return merge(
      emitted$,
      batches$.pipe(tap(receive), ignoreElements(), endWith(undefined)),
      defer(() => {
        if (whenSubscribed) whenSubscribed(listen);
        else listen();
        return EMPTY;
      }),
    );
  };
}
