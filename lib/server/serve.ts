import { catchError, defer, EMPTY, mergeMap, NEVER, Observable, take } from 'rxjs';
import { servingWire, watchSubscribed } from '../message/development.js';
import { CloseCode } from '../message/closeCode.js';
import { CallbackError, UnsupportedError } from '../message/errors.js';
import { completionOf } from '../operators/subscribing/completionOf.js';
import { GuardedObservable } from '../operators/channels/guardedObservable.js';
import { createRefusalReporter } from './accept/authentication.js';
import { type AnyWire, type Principal, PrincipalWire, type ServerWire, guardOf } from './principal.js';
import { reportUncaught } from '../message/errors/reportUncaught.js';
import { type FullServeOptions, readServeOptions, type ServedLink, type ServedSocket, type ServeOptions } from './serverOptions.js';
import type { Codec } from '../codec/codec.js';
import { json } from '../codec/json.js';
import { msgpack } from '../codec/msgpack.js';
import { createEnvelopeWires } from './envelope/envelopeWires.js';
import { callSafely } from '../message/errors/callSafely.js';
import { memoryDeadLetters } from '../stores/memoryDeadLetters.js';
import { type IncomingConnection, isSessionFrame } from './accept/incomingConnection.js';
import { IncomingConnections } from './accept/incomingConnections.js';
import { checkingAll } from './checkingAll.js';
import { encodingOnce } from './encodingOnce.js';
import { createRates } from './limits/rateLimit.js';
import { drain } from './session/serverDrain.js';
import { createQuota } from './session/quota.js';
import { ServedSessions } from './session/servedSessions.js';
import { shutdownMessage } from './session/systemMessages.js';

export type { ServedLink, ServeOptions } from './serverOptions.js';

/**
 * Serves wires over links of any kind, one link for each connection, and emits a wire for each
 * client. `listen` does this over the connections of an HTTP server.
 *
 * @param links$ Each link is subscribed to once.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if there is no option of this name.
 * @example
 * import { of } from 'rxjs';
 * import { connect, createMessage, type Frame, memoryLink } from 'rxwire';
 * import { serve } from 'rxwire/server';
 *
 * const [near, far] = memoryLink<Frame>();
 * serve(of(far)).subscribe((wire) => wire.subscribe(({ payload }) => console.log(payload))); // prints: hello
 * connect({ link: near }).next(createMessage('chat.said', 'hello'));
 */
export function serve<P extends Principal | undefined = undefined>(
  links$: Observable<ServedLink>,
  options: ServeOptions<P> & { readonly endpoint?: string } = {},
): Observable<ServerWire<P>> {
  const { codecs = defaultCodecs(), ...read } = readServeOptions('serve', options);
  return watchSubscribed('serve', guardWires(servedWires<P>(links$, { ...read, codecs }, createEnvelopeWires)));
}

/** Returns the codecs of a server that has no option `codecs`. */
export function defaultCodecs(): readonly Codec[] {
  return [json(), msgpack()];
}

/** The options of a server, with its codecs. */
type ServedWiresOptions = FullServeOptions & { readonly codecs: readonly Codec[] };
type EnvelopeServer = typeof createEnvelopeWires;

/**
 * Returns the wires of a server, with options that are valid, for subscribers that do not fail.
 *
 * @param envelopes Serves the clients that speak envelopes. Without it, they are refused.
 */
export function servedWires<P extends Principal | undefined>(
  links$: Observable<ServedLink | ServedSocket>,
  options: ServedWiresOptions,
  envelopes?: EnvelopeServer,
): Observable<ServerWire<P>> {
  const { onRefused, shutdown$ = NEVER } = options;
  // eslint-disable-next-line no-restricted-syntax -- the acceptor of this subscription ends before its links do
  return new Observable((to) => {
    const refuse = createRefusalReporter(onRefused);
    const acceptor = createAcceptor(options, envelopes, refuse, (wire) => {
      servingWire(wire);
      try {
        to.next(wire as ServerWire<P>);
      } finally {
        servingWire();
      }
    });
    const stopped$ = defer(() => shutdown$).pipe(
      catchError((cause: unknown) => {
        refuse(new CallbackError('shutdown$', cause));
        return EMPTY;
      }),
      take(1),
      mergeMap(() => completionOf(acceptor.drain())),
    );
    // The acceptor closes first, so that the wires can still send their close codes.
    to.add(() => acceptor.close());
    to.add(stopped$.subscribe({ next: () => to.complete(), error: (error: unknown) => to.error(error) }));
    if (!to.closed) to.add(links$.subscribe({ next: (link) => acceptor.accept(link), error: (error: unknown) => to.error(error) }));
  });
}

/**
 * Returns the wires of a server for subscribers that may fail: such a failure ends one wire only.
 */
export function guardWires<W>(wires$: Observable<W>): Observable<W> {
  return new GuardedObservable(wires$, guardOf({ onThrow }));
}

function onThrow(cause: unknown, value: unknown): void {
  if (value instanceof PrincipalWire) value.onThrow(cause);
  else reportUncaught(new CallbackError('subscriber', cause));
}

/**
 * Creates the acceptor of a server: it authenticates each connection, and passes it to the protocol
 * of its first frame.
 *
 * @param emit Takes the wire of each new client.
 */
function createAcceptor(
  options: ServedWiresOptions,
  envelopes: EnvelopeServer | undefined,
  onRefused: (error: unknown) => void,
  emit: (wire: AnyWire) => void,
) {
  const { cluster, inbox = cluster?.inbox, outbox = cluster?.outbox, scheduler, rateLimit } = options;
  const { codecs, retryAfter, random = Math.random } = options;
  const chance = (): number => callSafely(random, (cause) => onRefused(new CallbackError('random', cause))) ?? 0.5;
  const rates = rateLimit && createRates(rateLimit, options.window, scheduler);
  const settings = {
    ...options,
    ...(inbox && { inbox }),
    ...(outbox && { outbox }),
    letters: options.deadLetters ?? inbox?.deadLetters ?? memoryDeadLetters(),
    quota: createQuota(options),
    codecs: codecs.map((codec) => encodingOnce(checkingAll(codec))),
    ...(rates && { rates, window: rates.window }),
  };
  const acceptOptions = { ...settings, onRefused, emit };
  const sessions = new ServedSessions(acceptOptions);
  const envelopeWires = envelopes?.(acceptOptions);
  const membership = cluster?.serve(sessions);
  const accept = (connection: IncomingConnection): void => {
    const wires = isSessionFrame(connection.first) ? sessions : envelopeWires;
    if (!wires) throw new UnsupportedError('the server has sessions only');
    wires.accept(connection);
  };
  const connections = new IncomingConnections(acceptOptions, accept);

  return {
    /** Serves a connection. */
    accept: (link: ServedLink | ServedSocket): void => connections.accept(link),
    /**
     * Refuses new connections, notifies the clients, and completes when all sessions are
     * drained.
     */
    drain(): Observable<never> {
      connections.stop(CloseCode.SERVICE_RESTART);
      const message = settings.system.shutdown && shutdownMessage(retryAfter, scheduler);
      if (message) for (const wires of [sessions, envelopeWires]) wires?.announce(message);
      return drain(sessions.all, { ...options, random: chance, isPaced: cluster !== undefined });
    },
    /** Ends all wires, and then all connections: the wires still send their close codes. */
    close(): void {
      membership?.unsubscribe();
      connections.stop(CloseCode.GOING_AWAY);
      sessions.close();
      envelopeWires?.close();
      connections.close();
    },
  };
}
