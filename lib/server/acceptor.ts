import type { Observable } from 'rxjs';
import { json } from '../codec/json.js';
import { msgpack } from '../codec/msgpack.js';
import { createEnvelopeWires } from '../envelope/server/envelopeWires.js';
import { CallbackError } from '../errors.js';
import { guard } from '../internal/guard.js';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import { DEFAULTS } from '../session/endpointOptions.js';
import { memoryDeadLetters } from '../session/store/memoryDeadLetters.js';
import { goodbyeOf } from './accept/authentication.js';
import { isSessionFrame, type IncomingConnection } from './accept/incomingConnection.js';
import { IncomingConnections } from './accept/incomingConnections.js';
import { encodingOnce } from './encodingOnce.js';
import { createRates } from './limits/rateLimit.js';
import type { AnyWire } from './principal.js';
import { SERVE_DEFAULTS, type AnyServeOptions, type ServedLink, type ServedSocket } from './serverOptions.js';
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
export function createAcceptor(options: AnyServeOptions, onRefused: (error: unknown) => void, emit: (wire: AnyWire) => void) {
  const {
    detachedTimeout = SERVE_DEFAULTS.detachedTimeout,
    maxDetached = SERVE_DEFAULTS.maxDetached,
    maxAuthenticating = SERVE_DEFAULTS.maxAuthenticating,
    maxPerPrincipal = SERVE_DEFAULTS.maxPerPrincipal,
    maxDetachedPerPrincipal = SERVE_DEFAULTS.maxDetachedPerPrincipal,
    maxIdleFrames = SERVE_DEFAULTS.maxIdleFrames,
    pingInterval = SERVE_DEFAULTS.pingInterval,
    cluster,
    retryAfter = cluster ? 0 : SERVE_DEFAULTS.retryAfter,
    inbox = cluster?.inbox,
    outbox = cluster?.outbox,
  } = options;
  const { codecs = [json(), msgpack()], endpoint = '', scheduler = steadyScheduler(), authenticate, rateLimit } = options;
  const { helloTimeout = SERVE_DEFAULTS.helloTimeout, drainTimeout = SERVE_DEFAULTS.drainTimeout, random = Math.random } = options;
  const chance = (): number => guard(random, (cause) => onRefused(new CallbackError('random', cause))) ?? 0.5;
  const rates = rateLimit && createRates(rateLimit, options.window ?? DEFAULTS.window, scheduler);
  const settings = {
    ...options,
    ...(inbox && { inbox }),
    ...(outbox && { outbox }),
    detachedTimeout,
    maxIdleFrames,
    pingInterval,
    system: { ...SERVE_DEFAULTS.system, ...options.system },
    scheduler,
    endpoint,
    letters: options.deadLetters ?? inbox?.deadLetters ?? memoryDeadLetters(),
    quota: createQuota({ maxDetached, maxPerPrincipal, maxDetachedPerPrincipal, scheduler }),
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
      return drain(sessions.sessions(), { retryAfter, drainTimeout, random: chance, scheduler, isPaced: cluster !== undefined });
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
