import { noop, ReplaySubject, switchMap, take, type Observable } from 'rxjs';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import type { Codec } from '../codec/codec.js';
import type { Frame, Layer } from '../link/link.js';
import type { Message } from '../message/types.js';
import { createClient } from './client.js';
import type { Durable } from './durability.js';
import { checkCodecs, createNegotiatedCodec } from './codecNegotiation.js';
import { checkOptions, type EndpointOptions } from './endpointOptions.js';
import type { ByteCounts } from './connection.js';
import { networkSignals, type NetworkSignal } from './networkSignals.js';
import { reconnecting, type ReconnectOptions } from './reconnect.js';
import { runSession } from './lifecycle.js';
import type { Inbox } from './store/inbox.js';
import { inMemory } from './store/memoryOutbox.js';
import type { OutboxCalls } from './store/outboxCalls.js';
import type { OutboxStore } from './store/outboxStore.js';
import type { TokenSource } from './credentials.js';

export interface SessionOptions extends EndpointOptions {
  /** @default from 0.5 to 30 s with full jitter, for ever */
  readonly reconnect?: ReconnectOptions;
  /**
   * The credentials for the server, which are sent in the hello, and never in a URL. Requested for
   * each connection, and again before they expire. An exception counts as a failed connection and
   * is retried, except for an `UnauthorizedError`, which ends the wire.
   * @default none
   */
  readonly token?: TokenSource;
  /**
   * The signals of the platform about the page and the network.
   * @default those of the browser; on
   * Node none
   */
  readonly signals$?: Observable<NetworkSignal>;
  /** The store of the numbered messages until they are acked. @default memoryOutbox() */
  readonly outbox?: OutboxStore;
}

/**
 * Turns an unreliable link for frames into a reliable link for messages: each message arrives once
 * and in order, as long as both sides keep their state. This is the client side; `listen` is the
 * server side. docs/protocol.md describes the protocol.
 *
 * @param codec One codec, or several, the best first: the server uses the first that it supports.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if some codecs are sealed and others are not, or a persistent
 *   store has no `durability`.
 * @example
 * import { json, session, webSocket } from 'rxwire';
 *
 * const messages = session(json(), { window: 256 })(webSocket('ws://127.0.0.1:4870/wire'));
 */
export function session(codec: Codec | readonly Codec[], options: SessionOptions = {}): Layer<Message, Frame> {
  return countedSession(codec, options, undefined);
}

/** Like {@link session}, and counts the bytes that are sent and received. */
export function countedSession(
  codec: Codec | readonly Codec[],
  options: SessionOptions,
  traffic: ByteCounts | undefined,
): Layer<Message, Frame> {
  const { reconnect = {}, scheduler = steadyScheduler(), report = noop, outbox = inMemory, signals$ = networkSignals } = options;
  checkOptions('session', options);
  const durability = durabilityOf(outbox, options.inbox);
  const codecs = [codec].flat();
  checkCodecs('session', codecs);
  const reconnected = reconnecting<unknown>(reconnect, report, scheduler, signals$);

  return (link) => (outgoing) =>
    runSession(outgoing, options, (parts) => {
      const opened$ = new ReplaySubject<void>(1);
      const negotiated = createNegotiatedCodec(codecs);
      // Without `durability`, the session only opens and closes the outbox.
      const store = durability?.outboxCalls(outbox) ?? (outbox as unknown as OutboxCalls);
      const client = createClient({ ...parts, codec: negotiated, store, durability, woken$: signals$, traffic }, options, () =>
        opened$.next(),
      );
      return {
        endpoint: client.endpoint,
        close: () => outbox.close(),
        connections$: opened$.pipe(
          take(1),
          switchMap(() => client.over(link)),
          (source) => reconnected(source, client),
        ),
      };
    });
}

/** Returns the `durability` of the stores. @throws {TypeError} When they need one and have none. */
function durabilityOf(outbox: OutboxStore, inbox: Inbox | undefined): Durable | undefined {
  const found = outbox.durability ?? inbox?.durability;
  if (!found && (outbox.isDurable || (inbox ?? outbox.faults$)))
    throw new TypeError('session: a persistent store must have a "durability"');
  // `durable` is the only implementation.
  return found as Durable | undefined;
}
