import type { IncomingMessage } from 'node:http';
import { Observable, type SchedulerLike, type Unsubscribable } from 'rxjs';
import { CallbackError, ConnectionLostError, ProtocolError } from '../../message/errors.js';
import { CloseCode } from '../../message/closeCode.js';
import type { Violation } from '../../core/frameFormat.js';
import { readHello } from '../../core/serverHandshake.js';
import { emptyRequest } from '../nodePlatform.js';
import type { Credentials, Principal } from '../principal.js';
import type { ServedLink, ServedSocket, WiresOptions } from '../serverOptions.js';
import { createAuthentication, type Authentication } from './authentication.js';
import { IncomingConnection, isSessionFrame, type IncomingConnectionOwner } from './incomingConnection.js';
import { HandshakeTimeouts } from './handshakeTimeouts.js';
import { MultiplexedConnection, type StreamAcceptor } from './multiplexedConnection.js';
import { MULTIPLEXED } from '../../io/streamFrames.js';

interface ConnectionsOptions extends WiresOptions {
  readonly onRefused: (error: unknown) => void;
}

/** The connections of a server. Each is authenticated when its first frame has arrived. */
export class IncomingConnections implements IncomingConnectionOwner, StreamAcceptor {
  readonly scheduler: SchedulerLike;
  readonly timeouts: HandshakeTimeouts;
  readonly #options: ConnectionsOptions;
  readonly #accept: (connection: IncomingConnection) => void;
  readonly #principalOf: Authentication;
  readonly #open = new Set<IncomingConnection>();
  #isStopping = false;

  /** @param accept Takes a connection whose client is authenticated. May throw to refuse it. */
  constructor(options: ConnectionsOptions, accept: (connection: IncomingConnection) => void) {
    const { handshakeTimeout, scheduler } = options;
    this.#options = options;
    this.#accept = accept;
    this.scheduler = scheduler;
    this.timeouts = new HandshakeTimeouts(handshakeTimeout, scheduler);
    this.#principalOf = createAuthentication(options);
  }

  get admission(): StreamAcceptor['admission'] {
    return this.#options.admission;
  }

  accept(link: ServedLink | ServedSocket): void {
    const connection = new IncomingConnection(link, this);
    this.#open.add(connection);
    connection.begin();
  }
  /** Refuses each client that has no wire, also those whose first frame arrives from now on. */
  stop(code: CloseCode): void {
    this.#isStopping = true;
    for (const connection of [...this.#open]) if (connection.isPending) connection.close(code, STOPS);
  }
  close(): void {
    for (const connection of [...this.#open]) connection.unsubscribe();
    this.#open.clear();
    this.timeouts.close();
  }

  onRefused(error: unknown): void {
    this.#options.onRefused(error);
  }
  onEnded(connection: IncomingConnection): void {
    this.#open.delete(connection);
  }
  onFirstFrame(connection: IncomingConnection): void {
    const { handshakes } = this.#options;
    if (handshakes) handshakes.add('hello', () => this.#begin(connection));
    else this.#begin(connection);
  }
  #begin(connection: IncomingConnection): void {
    // Its client may have left, or the server closed, while the hello waited.
    if (!this.#open.has(connection)) return;
    if (this.#isStopping) {
      connection.refuse(new ConnectionLostError(CloseCode.SERVICE_RESTART, STOPS));
      return;
    }
    // A link over requests would have to authenticate each request for all streams.
    if (connection.first === MULTIPLEXED && !connection.onIdentified) {
      new MultiplexedConnection(connection, this).begin();
      return;
    }
    const authenticated = (principal: Principal | undefined): void => {
      connection.principal = principal;
      try {
        connection.onIdentified?.(principal, (request) => this.#identify(connection, request));
        this.#accept(connection);
      } catch (error) {
        connection.refuse(error);
      }
    };
    // The token of a hello that cannot be read is unknown: the client receives the reason instead.
    if (isSessionFrame(connection.first)) {
      try {
        connection.hello = readHello(connection.first);
      } catch (error) {
        connection.refuse(new ProtocolError((error as Violation).message));
        return;
      }
    }
    const check = this.#principalOf(
      () => credentialsOf(connection),
      authenticated,
      (error) => connection.refuse(error),
    );
    if (check) connection.waitFor({ left: () => check.unsubscribe() });
  }
  /**
   * Authenticates a client that is connected, by a fresh token, or by another request: its
   * `errors$` reports only the close code.
   */
  authenticate(
    connection: IncomingConnection,
    fresh: Partial<Credentials>,
    done: (principal: Principal | undefined) => void,
    failed: (error: unknown) => void,
  ): Unsubscribable | undefined {
    return this.#principalOf(
      () => ({ ...credentialsOf(connection), ...fresh }),
      done,
      (error) => {
        if (error instanceof CallbackError) this.onRefused(error);
        failed(error);
      },
    );
  }
  #identify(connection: IncomingConnection, request: IncomingMessage): Observable<Principal | undefined> {
    return new Observable((to) => {
      const done = (principal: Principal | undefined): void => {
        to.next(principal);
        to.complete();
      };
      return this.authenticate(connection, { request }, done, (error) => to.error(error));
    });
  }
}

export const STOPS = 'the server stops';

function credentialsOf(connection: IncomingConnection): Credentials {
  const { request = emptyRequest(), hello: { token } = {} } = connection;
  return token === undefined ? { request } : { request, token };
}
