import { catchError, defer, EMPTY, map, mergeMap, of, takeUntil, tap, type Observable } from 'rxjs';
import { json } from '../codec/json.js';
import { msgpack } from '../codec/msgpack.js';
import { createEnvelopeWires } from '../envelope/server/envelopeWires.js';
import { CallbackError, ConnectionLostError } from '../errors.js';
import { guard } from '../internal/guard.js';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import { CloseCode } from '../link/closeCode.js';
import { DEFAULTS } from '../session/endpointOptions.js';
import { memoryDeadLetters } from '../session/store/memoryDeadLetters.js';
import { createAuthentication, goodbyeOf } from './accept/authentication.js';
import { isSessionFrame, type IncomingConnection } from './accept/incomingConnection.js';
import { encodingOnce } from './encodingOnce.js';
import { createRates } from './limits/rateLimit.js';
import { emptyRequest } from './nodePlatform.js';
import type { AnyWire, Credentials, Principal } from './principal.js';
import { SERVE_DEFAULTS, type AnyServeOptions } from './serverOptions.js';
import { drain } from './session/drain.js';
import { createQuota } from './session/quota.js';
import { ServedSessions } from '../host/server/servedSessions.js';
import { shutdownMessage } from './session/systemMessages.js';

/**
 * Creates the acceptor of a server: it authenticates each connection, and passes it to the protocol
 * of its first frame.
 */
export function createAcceptor(options: AnyServeOptions, onRefused: (error: unknown) => void) {
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
  const sessions = new ServedSessions({ ...settings, onRefused });
  const envelopeWires = createEnvelopeWires(settings);
  const principalOf = createAuthentication({ authenticate, maxAuthenticating, timeLimit: helloTimeout, scheduler });

  /** Authenticates a client that is connected: `wire.errors$` reports only the close code. */
  const authenticateAgain = (credentials: () => Credentials): Observable<Principal | undefined> =>
    principalOf(credentials).pipe(tap({ error: (error: unknown) => error instanceof CallbackError && onRefused(error) }));

  const refuse = (connection: IncomingConnection, error: unknown): Observable<never> => {
    connection.close(...goodbyeOf(error));
    onRefused(error);
    return EMPTY;
  };
  const open = (connection: IncomingConnection): Observable<AnyWire> =>
    defer(() => (isSessionFrame(connection.first) ? sessions : envelopeWires).admit(connection)).pipe(
      catchError((error: unknown) => refuse(connection, error)),
    );
  let isStopping = false;
  const membership = cluster?.serve(sessions);

  return {
    /**
     * Emits the wire of a new client. Completes without a wire when the client has one already, or
     * is refused.
     */
    admit(connection: IncomingConnection): Observable<AnyWire> {
      if (isStopping) return refuse(connection, new ConnectionLostError(CloseCode.SERVICE_RESTART, 'the server stops'));
      return principalOf(() => credentialsOf(connection)).pipe(
        takeUntil(connection.left()),
        tap((principal) =>
          connection.onIdentified?.(principal, (request) => authenticateAgain(() => ({ ...credentialsOf(connection), request }))),
        ),
        map((principal) => () => {
          if (principal) connection.authenticated(principal, (token) => authenticateAgain(() => credentialsOf(connection, token)));
          return open(connection);
        }),
        catchError((error: unknown) => of(() => refuse(connection, error))),
        mergeMap((proceed) => proceed()),
      );
    },
    /**
     * Refuses new connections, notifies the clients, and completes when all sessions are
     * drained.
     */
    drain(): Observable<never> {
      isStopping = true;
      const message = settings.system.shutdown && shutdownMessage(retryAfter, scheduler);
      if (message) for (const wires of [sessions, envelopeWires]) wires.announce(message);
      return drain(sessions.sessions(), { retryAfter, drainTimeout, random: chance, scheduler, isPaced: cluster !== undefined });
    },
    /** Ends all wires. */
    close(): void {
      membership?.unsubscribe();
      sessions.close();
      envelopeWires.close();
    },
  };
}

function credentialsOf(connection: IncomingConnection, token = tokenOf(connection)): Credentials {
  const { request = emptyRequest() } = connection;
  return token === undefined ? { request } : { request, token };
}

/**
 * Returns the token of the hello, if there is one. An invalid hello is refused later, unless the
 * request alone is refused before.
 */
function tokenOf(connection: IncomingConnection): string | undefined {
  try {
    return isSessionFrame(connection.first) ? connection.hello().token : undefined;
  } catch {
    return undefined;
  }
}
