import { asyncScheduler, EMPTY, endWith, filter, from, merge, mergeMap, noop, of, take, tap, type Observable, type Subject } from 'rxjs';
import { OverflowError, SessionLostError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import { createRecentKeys } from '../../internal/recentKeys.js';
import type { Message } from '../../message/types.js';
import type { EnvelopeOptions } from './options.js';

/**
 * Each message once, in order, and acked once it was emitted. A repeat is acked again and dropped.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 */
export function receiving(options: EnvelopeOptions) {
  const { maxHeld = 1_024, dedupeTtl = 300_000, dedupeSize = 10_000, listening$ = of(true) } = options;
  const { scheduler = asyncScheduler, report = noop } = options;
  assertPositive('envelopes', { maxHeld, dedupeTtl, dedupeSize });

  return (batches$: Observable<readonly Message[]>, acks$: Subject<Message>, ack: (message: Message) => void) => {
    const recent = createRecentKeys({ ttl: dedupeTtl, maxSize: dedupeSize, scheduler });
    const held = new Map<string, Message>();
    let isListening = false;
    let isWelcome = false;

    /** Takes what is for the session itself. */
    const isForApplication = (message: Message): boolean => {
      const { type, payload } = message;
      if (type === 'ack') acks$.next(message);
      else if (type === 'system.welcome') {
        // A peer that had welcomed us and no longer knows us has lost what it still had to send.
        if (isWelcome && (Object(payload) as { resumed?: unknown }).resumed === false)
          report({ kind: 'error', error: new SessionLostError() });
        isWelcome = true;
      } else return type !== 'system.hello';
      return false;
    };
    const release = (messages: readonly Message[]): Observable<Message> =>
      from(messages.filter(({ id }) => !recent.seen(id))).pipe(tap({ complete: () => messages.forEach(ack) }));
    const hold = (message: Message): void => {
      if (held.size < maxHeld || held.has(message.id)) held.set(message.id, message);
      else report({ kind: 'error', error: new OverflowError('messages before the first subscriber', maxHeld) });
    };
    const receive = (batch: readonly Message[]): Observable<Message> => {
      const messages = batch.filter(isForApplication);
      if (isListening) return release(messages);
      messages.forEach(hold);
      return EMPTY;
    };
    const listen = (): Observable<Message> => {
      isListening = true;
      const messages = [...held.values()];
      held.clear();
      return release(messages);
    };
    return merge(batches$.pipe(mergeMap(receive), endWith(undefined)), listening$.pipe(filter(Boolean), take(1), mergeMap(listen)));
  };
}
