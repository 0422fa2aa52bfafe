import { defer, EMPTY, endWith, ignoreElements, merge, noop, Subject, tap, type Observable } from 'rxjs';
import { OverflowError, SessionLostError } from '../errors.js';
import { createRecentKeys } from '../internal/recentKeys.js';
import type { Message } from '../message/types.js';
import { deliver, type DeliverySession } from '../session/receive/delivery.js';
import type { FullEnvelopeOptions } from './envelopeOptions.js';

/**
 * Returns a function that creates the receiver of one session. It emits each message once, in
 * order, and acks the message afterwards. It acks a repeat again, and drops it.
 */
export function envelopeReceiver(options: FullEnvelopeOptions) {
  const { maxHeld, dedupeTtl, dedupeSize, whenSubscribed, onArrival = noop, scheduler, report, keep } = options;
  const session: DeliverySession = {
    canWrite: false,
    isOver: () => false,
    complain: (error) => report({ kind: 'error', error }),
    keep,
    // The acks do not wait for the handlers.
    settle(_number, outcomes, _tracker, isAbandoned) {
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
        if (isWelcome && (Object(payload) as { resumed?: unknown }).resumed === false) session.complain?.(new SessionLostError());
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
      else session.complain?.(new OverflowError('messages before the first subscriber', maxHeld));
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
