import { Observable, type Observer } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import type { Frame, Layer, Link } from '../../io/link.js';
import { checkOptions } from '../../message/development.js';
import { readOptions } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import type { Inbox } from '../../stores/inbox.js';
import { inMemory } from '../../stores/memoryOutbox.js';
import type { OutboxStore } from '../../stores/outboxStore.js';
import { ClientHost, type ClientUser } from './clientHost.js';
import type { Durable } from './clientStores.js';
import { reconnectPolicy } from './reconnect.js';
import { checkCodecs, checkDeadLetters, ENDPOINT_OPTIONS, type SessionOptions } from './sessionOptions.js';

export type { SessionOptions } from './sessionOptions.js';

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
  checkOptions('session', options);
  const always = (): boolean => true;
  const whenSubscribed = (callback: () => void): void => callback();
  const begin = clientSessions(codec, options, { awaitsAcks: always, awaitsSteps: always, whenSubscribed, ...options });
  return (link) => (outgoing) =>
    // eslint-disable-next-line no-restricted-syntax -- the session passes on the errors of `outgoing`, and ends with its subscriber
    new Observable((to) => {
      const client = begin(link, to);
      to.add(client);
      client.start();
      if (!to.closed) to.add(outgoing.subscribe(client));
    });
}

/** Returns a function that creates a session over a link. The session is to be started. */
export function clientSessions(
  codec: Codec | readonly Codec[],
  options: SessionOptions,
  user: ClientUser,
): (link: Link<Frame>, to: Observer<Message>) => ClientHost {
  const { reconnect, scheduler = steadyScheduler(), outbox = inMemory } = options;
  const read = readOptions('session', options, ENDPOINT_OPTIONS);
  checkDeadLetters('session', options);
  const durability = durabilityOf(outbox, options.inbox);
  const codecs = [codec].flat();
  checkCodecs('session', codecs);
  const policy = reconnectPolicy(reconnect, scheduler);
  const hostOptions = { codecs, ...options, ...read, scheduler };

  return (link, to) => new ClientHost(to, hostOptions, user, link, policy, durability?.clientStores(outbox, options));
}

/** Returns the `durability` of the stores. @throws {TypeError} When they need one and have none. */
function durabilityOf(outbox: OutboxStore, inbox: Inbox | undefined): Durable | undefined {
  const found = outbox.durability ?? inbox?.durability;
  if (!found && (outbox.isDurable || (inbox ?? outbox.faults$)))
    throw new TypeError('session: a persistent store must have a "durability"');
  // `durable` is the only implementation.
  return found as Durable | undefined;
}
