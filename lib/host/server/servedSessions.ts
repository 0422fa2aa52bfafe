import { concat, defer, EMPTY, filter, finalize, mergeMap, of, takeUntil, type Observable } from 'rxjs';
import type { Violation } from '../../core/frameFormat.js';
import { readHello, ServerHandshake, type ReceivedHello } from '../../core/serverHandshake.js';
import type { SessionOptions } from '../../core/sessionTypes.js';
import { ProtocolError, UnauthorizedError, UnsupportedError } from '../../errors.js';
import { CloseCode } from '../../link/closeCode.js';
import type { Message } from '../../message/types.js';
import { expiryOf } from '../../server/accept/authentication.js';
import type { IncomingConnection } from '../../server/accept/incomingConnection.js';
import { randomName } from '../../server/nodePlatform.js';
import { PrincipalWire, type AnyWire } from '../../server/principal.js';
import type { WiresOptions } from '../../server/serverOptions.js';
import type { Drained } from '../../server/session/drain.js';
import { groupOf } from '../../server/session/quota.js';
import { KICKED, SessionTransport, STOPS, TAKEN_OVER } from '../../server/session/transport.js';
import { SessionLoop } from '../sessionLoop.js';
import { coreOptions } from './coreOptions.js';
import { ServedSession, type Greeting } from './servedSession.js';
import { UnconfirmedClients, type UnconfirmedClient } from './unconfirmedClients.js';

export interface ServedSessionsOptions extends WiresOptions {
  /** A server whose sessions never hibernated measured their latency while they were idle. */
  readonly hibernateAfter?: number;
  /** Called with the reason why a client was refused. */
  readonly onRefused: (error: unknown) => void;
}

/** The sessions of a server without stores, by the names of the clients' outboxes. */
export class ServedSessions {
  readonly #sessions = new Map<string, ServedSession>();
  readonly #unconfirmed = new UnconfirmedClients();
  readonly #options: ServedSessionsOptions;
  readonly #coreOptionsOf: (pid: string) => SessionOptions;
  readonly #loop: SessionLoop;

  constructor(options: ServedSessionsOptions) {
    this.#options = options;
    this.#coreOptionsOf = coreOptions(options);
    this.#loop = new SessionLoop(options.scheduler, options.microtask);
  }

  /**
   * Emits the wire of a new client, when the client has confirmed its welcome. Completes without a
   * wire when the client has one already, or is refused.
   *
   * @throws {RxwireError} When the hello is invalid, or the principal has too many wires.
   */
  admit(connection: IncomingConnection): Observable<AnyWire> {
    const hello = helloOf(connection);
    const session = this.#sessions.get(hello.pid);
    if (!session) return this.#greet(connection, hello);
    const code = session.refusal(connection, hello);
    if (code === undefined) session.takeOver(connection, hello);
    else this.#refuse(connection, code);
    return EMPTY;
  }

  /** Sends a message to each connected client at once. */
  announce(message: Message): void {
    for (const session of this.#sessions.values()) session.announce(message);
  }
  /**
   * Returns all sessions. Closes the connections of the clients that have no session yet with 1012.
   */
  sessions(): readonly Drained[] {
    this.#closeUnconfirmed(CloseCode.SERVICE_RESTART);
    return [...this.#sessions.values()];
  }
  /** Closes the sessions of a principal with 4403. */
  kick(principal: string): void {
    for (const { transport } of [...this.#sessions.values()])
      if (transport.owner === principal) transport.vacate(new UnauthorizedError(CloseCode.FORBIDDEN, KICKED));
  }
  /** The number of sessions. */
  get size(): number {
    return this.#sessions.size;
  }
  /** Ends all sessions with close code 1001: the clients may connect to another server. */
  close(): void {
    this.#closeUnconfirmed(CloseCode.GOING_AWAY);
    for (const { transport } of [...this.#sessions.values()]) transport.vacate();
  }
  #closeUnconfirmed(code: CloseCode): void {
    for (const connection of this.#unconfirmed.connections) connection.close(code, STOPS);
  }

  /**
   * Sends the welcome to a client that has no session, and begins its session when the client has
   * answered. Until then the server keeps the handshake only.
   */
  #greet(connection: IncomingConnection, hello: ReceivedHello): Observable<AnyWire> {
    const { pid } = hello;
    const known = this.#unconfirmed.get(pid);
    const handshake = known?.handshake ?? new ServerHandshake(this.#coreOptionsOf(pid), randomName());
    const codec = handshake.codecFor(hello, undefined);
    const isOther = known !== undefined && known.owner !== connection.principal?.id;
    const code = isOther ? CloseCode.FORBIDDEN : handshake.refusal(hello, undefined);
    if (!codec || code !== undefined) return this.#refuse(connection, code as CloseCode);
    if (known?.connection) {
      const older = known.connection;
      this.#leave(pid, known);
      older.close(CloseCode.SUPERSEDED, TAKEN_OVER);
    }
    const { principal } = connection;
    const client: UnconfirmedClient = { handshake, owner: principal?.id, connection, giveUp: this.#options.quota.take(principal?.id) };
    this.#unconfirmed.enter(pid, client);
    const welcome = handshake.welcome(hello, codec, 0, 0, expiryOf(principal, this.#options.scheduler));
    connection.send(welcome);
    const start = (): Observable<AnyWire> =>
      // The application has the wire before a frame of the client can fail.
      concat(
        of(this.#start(client, connection, { handshake, hello, codec, welcome })),
        defer(() => {
          connection.proceed();
          return EMPTY;
        }),
      );
    return connection.answered().pipe(
      takeUntil(connection.left()),
      filter(() => client.connection !== undefined),
      mergeMap(start),
      finalize(() => this.#leave(pid, client)),
    );
  }

  /** A client that has not confirmed its welcome has left. */
  #leave(pid: string, client: UnconfirmedClient): void {
    const { connection, owner, giveUp } = client;
    if (!connection) return;
    client.connection = undefined;
    giveUp();
    this.#unconfirmed.leave(pid, groupOf(owner, connection.address));
  }

  /** Begins the session of a client that has confirmed its welcome. */
  #start(client: UnconfirmedClient, connection: IncomingConnection, greeting: Greeting): AnyWire {
    const { pid } = greeting.hello;
    client.connection = undefined;
    this.#unconfirmed.delete(pid);
    const transport = new SessionTransport(connection, true, this.#options);
    const onEnded = (): void => {
      this.#sessions.delete(pid);
      client.giveUp();
    };
    const session = new ServedSession(transport, greeting, this.#loop, this.#options, onEnded);
    this.#sessions.set(pid, session);
    return new PrincipalWire(session, transport, pid);
  }

  #refuse(connection: IncomingConnection, code: CloseCode): Observable<never> {
    const isCodec = code === CloseCode.UNSUPPORTED_DATA;
    const error = new UnsupportedError(
      isCodec ? 'client and server have no codec in common' : `the hello was refused with close code ${code}`,
    );
    connection.close(code, error.reason);
    this.#options.onRefused(error);
    return EMPTY;
  }
}

/** @throws {ProtocolError} If the first frame of a connection is no valid hello. */
function helloOf({ first }: IncomingConnection): ReceivedHello {
  try {
    return readHello(first);
  } catch (error) {
    throw new ProtocolError((error as Violation).message);
  }
}
