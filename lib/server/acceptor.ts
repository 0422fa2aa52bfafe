import type { Observable } from 'rxjs';
import { json } from '../codec/json.js';
import { msgpack } from '../codec/msgpack.js';
import { createEnvelopeWires } from '../envelope/server/envelopeWires.js';
import { CallbackError } from '../errors.js';
import { guard } from '../internal/guard.js';
import { memoryDeadLetters } from '../session/store/memoryDeadLetters.js';
import { goodbyeOf } from './accept/authentication.js';
import { isSessionFrame, type IncomingConnection } from './accept/incomingConnection.js';
import { IncomingConnections } from './accept/incomingConnections.js';
import { encodingOnce } from './encodingOnce.js';
import { createRates } from './limits/rateLimit.js';
import type { AnyWire } from './principal.js';
import type { FullServeOptions, ServedLink, ServedSocket } from './serverOptions.js';
import { drain } from './session/drain.js';
import { createQuota } from './session/quota.js';
import { ServedSessions } from './session/servedSessions.js';
import { shutdownMessage } from './session/systemMessages.js';

/**
 * Creates the acceptor of a server: it authenticates each connection, and passes it to the protocol
 * of its first frame.
 *
 * @param emit Takes the wire of each new client.
 */
export function createAcceptor(options: FullServeOptions, onRefused: (error: unknown) => void, emit: (wire: AnyWire) => void) {
  const { cluster, inbox = cluster?.inbox, outbox = cluster?.outbox, scheduler, authenticate, rateLimit, helloTimeout } = options;
  const { codecs = [json(), msgpack()], retryAfter, maxAuthenticating, random = Math.random } = options;
  const chance = (): number => guard(random, (cause) => onRefused(new CallbackError('random', cause))) ?? 0.5;
  const rates = rateLimit && createRates(rateLimit, options.window, scheduler);
  const settings = {
    ...options,
    ...(inbox && { inbox }),
    ...(outbox && { outbox }),
    letters: options.deadLetters ?? inbox?.deadLetters ?? memoryDeadLetters(),
    quota: createQuota(options),
    codecs: codecs.map(encodingOnce),
    ...(rates && { rates, window: rates.window }),
  };
  const refuse = (connection: IncomingConnection, error: unknown): void => {
    connection.close(...goodbyeOf(error));
    onRefused(error);
  };
  const admitting = { ...settings, onRefused, emit, refuse };
  const sessions = new ServedSessions(admitting);
  const envelopeWires = createEnvelopeWires(admitting);
  const membership = cluster?.serve(sessions);
  const admit = (connection: IncomingConnection): void => (isSessionFrame(connection.first) ? sessions : envelopeWires).admit(connection);
  const connections = new IncomingConnections({ authenticate, maxAuthenticating, helloTimeout, scheduler, onRefused, admit, refuse });

  return {
    /** Serves a connection. */
    accept: (link: ServedLink | ServedSocket): void => connections.accept(link),
    /**
     * Refuses new connections, notifies the clients, and completes when all sessions are
     * drained.
     */
    drain(): Observable<never> {
      connections.stop();
      const message = settings.system.shutdown && shutdownMessage(retryAfter, scheduler);
      if (message) for (const wires of [sessions, envelopeWires]) wires.announce(message);
      return drain(sessions.sessions(), { ...options, random: chance, isPaced: cluster !== undefined });
    },
    /** Ends all wires, and then all connections: the wires still send their close codes. */
    close(): void {
      membership?.unsubscribe();
      sessions.close();
      envelopeWires.close();
      connections.close();
    },
  };
}
