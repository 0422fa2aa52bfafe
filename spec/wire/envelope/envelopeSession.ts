import { jest } from '@jest/globals';
import { defer, finalize, ignoreElements, merge, Subject, takeUntil, tap, throwError } from 'rxjs';
import { ConnectionLostError } from '../../../lib/message/errors.js';
import { completionOf } from '../../../lib/operators/subscribing/completionOf.js';
import type { Link } from '../../../lib/io/link.js';
import { createMessage, type MessageOptions } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { envelopes, type EnvelopeOptions } from '../../../lib/wire/envelope/envelopes.js';
import type { SessionEvent } from '../../../lib/wire/session/sessionEvents.js';
import { record } from '../../support/record.js';

export const message = (id: string, options: MessageOptions = {}): Message => createMessage('test.any', null, { ...options, id });

export const ack = (id: string): Message => createMessage('ack', null, { correlationId: id });

/** Lets time pass, and the microtasks of each moment. */
export const wait = (ms = 0): Promise<void> => jest.advanceTimersByTimeAsync(ms);

/** The other end of a link for batches, played by the test. */
function createPeer() {
  const batches: (readonly Message[])[] = [];
  const state = { connections: 0, isUp: true, agrees: true, hasGoodbye: false, isLeft: false };
  let arriving = new Subject<readonly Message[]>();
  let told = (): void => undefined;

  const link: Link<readonly Message[]> = (outgoing) =>
    defer(() => {
      if (!state.isUp) return throwError(() => new ConnectionLostError(1006, 'down'));
      state.connections++;
      const current = (arriving = new Subject());
      const next = (batch: readonly Message[]): void => {
        batches.push(batch);
        told();
      };
      const complete = (): void => {
        state.hasGoodbye = true;
        if (state.agrees) current.complete();
      };
      const sent$ = outgoing.pipe(tap({ next, complete }), ignoreElements(), takeUntil(completionOf(current)));
      return merge(current, sent$).pipe(finalize(() => (state.isLeft = true)));
    });
  return {
    link,
    /** How often it was connected to. */
    connections: (): number => state.connections,
    /** Whether we have said goodbye to it. */
    hasGoodbye: (): boolean => state.hasGoodbye,
    /** Whether a connection to it has ended. */
    isLeft: (): boolean => state.isLeft,
    /** What it has got since it was last asked, as the ids of messages, of acks as `ack:id`; a batch is one string. */
    got: (): string[] => batches.splice(0).map((batch) => batch.map(show).join(' ')),
    /** Calls back for each batch that it gets. */
    onGot: (callback: () => void): void => {
      told = callback;
    },
    send: (...batch: Message[]): void => arriving.next(batch),
    /** Says goodbye. */
    leave: (): void => arriving.complete(),
    lose: (code = 1006): void => arriving.error(new ConnectionLostError(code, 'lost')),
    /** Refuses connections, or accepts them again. */
    setUp: (isUp: boolean): void => {
      state.isUp = isUp;
    },
    /** Does not answer a goodbye. */
    ignoreGoodbye: (): void => {
      state.agrees = false;
    },
  };
}

function show({ type, id, correlationId = '' }: Message): string {
  return type === 'ack' ? `ack:${correlationId}` : type === 'test.any' ? id : type;
}

/** A session whose peer, and whose time (under jest's fake timers), are in the hands of the test. */
export function openSession(options: EnvelopeOptions = {}, isUp = true) {
  const peer = createPeer();
  peer.setUp(isUp);
  const events: SessionEvent[] = [];
  const outgoing = new Subject<Message>();
  const report = (event: SessionEvent): void => {
    if (event.kind !== 'started') events.push(event);
    options.report?.(event);
  };
  const layer = envelopes({ reconnect: { initialInterval: 100, maxInterval: 100, jitter: 0 }, ...options, report });
  const received = record(layer(peer.link)(outgoing));
  return {
    peer,
    layer,
    outgoing,
    received,
    events,
    send: (...ids: string[]): void => ids.forEach((id) => outgoing.next(message(id))),
    /** What it has emitted, as ids. */
    ids: (): string[] => received.values.map(({ id }) => id),
    /** Every receipt so far, as `id status`. */
    receipts: (): string[] => events.flatMap((event) => (event.kind === 'receipt' ? [`${event.receipt.id} ${event.receipt.status}`] : [])),
    errors: (): unknown[] => events.flatMap((event) => (event.kind === 'error' ? [event.error] : [])),
  };
}
