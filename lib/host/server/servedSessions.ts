import { catchError, concat, defer, EMPTY, filter, finalize, from, mergeMap, takeUntil, type Observable } from 'rxjs';
import { ServerHandshake, type ReceivedHello } from '../../core/serverHandshake.js';
import type { SessionCodec, SessionOptions } from '../../core/sessionTypes.js';
import type { OutboxContents } from '../../core/storedTypes.js';
import { StoreError, UnauthorizedError, UnsupportedError } from '../../errors.js';
import { once } from '../../internal/once.js';
import { CloseCode } from '../../link/closeCode.js';
import type { Message } from '../../message/types.js';
import { expiryOf } from '../../server/accept/authentication.js';
import type { IncomingConnection } from '../../server/accept/incomingConnection.js';
import { randomName } from '../../server/nodePlatform.js';
import { PrincipalWire, type AnyWire } from '../../server/principal.js';
import type { Drained } from '../../server/session/drain.js';
import { groupOf } from '../../server/session/quota.js';
import { closeOf, closeStore, KICKED, SessionTransport, STOPS, TAKEN_OVER } from '../../server/session/transport.js';
import type { WiresOptions } from '../../server/serverOptions.js';
import type { ClusterServer, ServerCluster } from '../../session/serverCluster.js';
import type { OutboxStore } from '../../session/store/outboxStore.js';
import type { Inbox, InboxClaim, InboxLease } from '../../session/store/inbox.js';
import { isEarlier } from '../../session/store/isEarlier.js';
import { SessionLoop } from '../sessionLoop.js';
import { claimClient, isStored, renewClaim, type ClaimedClient } from './clientClaims.js';
import { coreOptions } from './coreOptions.js';
import type { NewClient } from './newClient.js';
import { ServedSession } from './servedSession.js';
import { openOutbox, outboxOf, ServedStores } from './servedStores.js';
import { knownClientIn, type KnownClient } from './storedClient.js';
import { refusalIn, UnconfirmedClients, type UnconfirmedClient } from './unconfirmedClients.js';

/** A client whose row is claimed for a hello that is not refused. */
interface ClaimedConnection extends Pick<ClaimedClient, 'row' | 'lease'> {
  readonly connection: IncomingConnection;
  readonly hello: ReceivedHello;
  readonly handshake: ServerHandshake;
  /** The best codec that both sides have. */
  readonly codec: SessionCodec;
  /** Ends the count of the quota, and the lease. */
  readonly giveUp: () => void;
}

export interface ServedSessionsOptions extends WiresOptions {
  /** Where messages to a client are stored until they are acked. */
  readonly outbox?: (pid: string, group: string) => OutboxStore;
  readonly cluster?: ServerCluster;
  /** Called with the reason why a client was refused. */
  readonly onRefused: (error: unknown) => void;
}

/** The sessions of a server, by the names of the clients' outboxes. */
export class ServedSessions implements ClusterServer {
  readonly #sessions = new Map<string, ServedSession>();
  readonly #unconfirmed = new UnconfirmedClients();
  /** The clients whose stored state is being read. */
  readonly #claiming = new Set<string>();
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
    const hello = connection.hello();
    const session = this.#sessions.get(hello.pid);
    if (session) return this.#goOn(connection, hello, session);
    if (this.#claiming.has(hello.pid))
      return this.#refuse(connection, CloseCode.TRY_AGAIN_LATER, 'the server still handles an earlier hello of this client');
    const { inbox } = this.#options;
    return inbox ? this.#check(inbox, connection, hello) : this.#greet(connection, hello, undefined);
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
  /** Ends the session of a client that another node has claimed for a later hello. */
  fence(pid: string, claim: InboxClaim): void {
    const { lease, transport } = this.#sessions.get(pid) ?? {};
    if (lease && lease.owner !== claim.owner && isEarlier(lease, claim)) transport?.vacate(new StoreError('inbox', 'fenced'));
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

  // ---- A client that has a session

  /**
   * Continues a session over another connection. Another server may have claimed the client since
   * the last connection: then the session ends, and another begins with the stored state.
   */
  #goOn(connection: IncomingConnection, hello: ReceivedHello, session: ServedSession): Observable<AnyWire> {
    const { inbox } = this.#options;
    const { lease } = session;
    if (!inbox || !lease) return this.#takeOver(connection, hello, session);
    const { pid } = hello;
    return renewClaim(inbox, hello, lease, () => session.refusal(connection, hello) !== undefined).pipe(
      catchError((error: unknown) => this.#refuseWith(connection, CloseCode.INTERNAL_ERROR, error)),
      mergeMap((isFenced) => {
        const isMine = this.#sessions.get(pid) === session;
        if (isFenced && isMine) session.transport.vacate(new StoreError('inbox', 'fenced'));
        else if (isMine) return this.#takeOver(connection, hello, session);
        // A session that ended after it had renewed its claim leaves a claim that refuses this
        // hello, but not a later one.
        const isFree = !this.#sessions.has(pid) && !this.#claiming.has(pid) && !this.#unconfirmed.get(pid);
        if (isFenced && isFree) return this.#claim(inbox, connection, hello);
        return this.#refuse(connection, CloseCode.TRY_AGAIN_LATER, 'an earlier session of this client has not ended yet');
      }),
    );
  }
  #takeOver(connection: IncomingConnection, hello: ReceivedHello, session: ServedSession): Observable<never> {
    const code = session.refusal(connection, hello);
    if (code !== undefined) return this.#refuse(connection, code);
    session.takeOver(connection, hello);
    return EMPTY;
  }

  // ---- The claim on a client that has none

  /** Claims a client, unless the memory of this server refuses the hello. */
  #check(inbox: Inbox, connection: IncomingConnection, hello: ReceivedHello): Observable<AnyWire> {
    const { pid } = hello;
    const known = this.#unconfirmed.get(pid);
    const code = known && refusalIn(known, connection, hello, true);
    // An earlier hello must not end the handshake of a later one, also if nothing of that is
    // stored.
    if (code === CloseCode.SUPERSEDED) return this.#refuse(connection, code);
    if (code === undefined || !known?.connection) return this.#claim(inbox, connection, hello);
    // Another server may have stored the client: only the row refuses a token.
    return isStored(inbox, pid).pipe(
      catchError((error: unknown) => this.#refuseWith(connection, CloseCode.INTERNAL_ERROR, error)),
      mergeMap((isKnown) => {
        const isUnchanged = this.#unconfirmed.get(pid) === known && known.connection !== undefined && !this.#claiming.has(pid);
        if (isKnown && isUnchanged) return this.#claim(inbox, connection, hello);
        return this.#refuse(connection, code);
      }),
    );
  }

  #claim(inbox: Inbox, connection: IncomingConnection, hello: ReceivedHello): Observable<AnyWire> {
    const { pid } = hello;
    const handshake = this.#handshakeOf(pid);
    const codec = handshake.codecFor(hello, undefined);
    if (!codec) return this.#refuse(connection, CloseCode.UNSUPPORTED_DATA);
    this.#supersede(pid);
    const giveUpQuota = this.#options.quota.take(connection.principal?.id);
    let lease: InboxLease | undefined;
    const giveUp = once(() => {
      giveUpQuota();
      if (lease) inbox.release?.(lease);
    });
    const claimed = once(() => this.#claiming.delete(pid));
    this.#claiming.add(pid);
    return claimClient(inbox, connection.principal?.id, hello).pipe(
      mergeMap(({ refusal, row, ...rest }) => {
        ({ lease } = rest);
        if (refusal !== undefined) {
          claimed();
          giveUp();
          return this.#refuse(connection, refusal);
        }
        // Only a client that is stored can have a session at another node.
        if (lease && row) this.#options.cluster?.claimed(pid, lease);
        const known = knownClientIn(row);
        const client: ClaimedConnection = { connection, hello, handshake, codec, row, lease, giveUp };
        if (known) return this.#resume(client, known).pipe(finalize(claimed));
        claimed();
        return this.#greet(connection, hello, client);
      }),
      catchError((error: unknown) => {
        claimed();
        giveUp();
        return this.#fail(connection, error);
      }),
    );
  }

  /**
   * Opens the outbox of a client that has confirmed a welcome before, and begins its session. That
   * ends its session at another server.
   */
  #resume(client: ClaimedConnection, { record, owner }: KnownClient): Observable<AnyWire> {
    const { connection, hello, handshake, row, lease, giveUp } = client;
    const { pid } = hello;
    const stored = handshake.options.codecs.find(({ name }) => name === record.codec);
    const codec = handshake.codecFor(hello, stored) ?? client.codec;
    const outbox = outboxOf(this.#options, connection, pid);
    const start = (contents?: OutboxContents): readonly AnyWire[] => {
      this.#unconfirmed.delete(pid);
      const stores = new ServedStores({
        hello,
        owner,
        inbox: this.#options.inbox,
        lease,
        row,
        record: { ...record, codec: codec.name },
        outbox,
        contents,
      });
      return this.#begin(connection, { handshake, hello, codec, welcome: undefined, stores }, giveUp);
    };
    if (!outbox) return from(start());
    return openOutbox(outbox, hello).pipe(
      catchError((error: unknown) => {
        closeStore(outbox);
        throw error;
      }),
      mergeMap(start),
    );
  }

  // ---- A client that is new

  /**
   * Sends the welcome to a client that has no session, and begins its session when the client has
   * answered. Until then the server stores nothing, and keeps the handshake only.
   *
   * With an inbox, the client may send numbered messages when its record is stored: another server
   * that it reaches earlier does not know what has happened to them.
   *
   * @param claimed The claim on the client, if there is an inbox.
   */
  #greet(connection: IncomingConnection, hello: ReceivedHello, claimed: ClaimedConnection | undefined): Observable<AnyWire> {
    const { pid } = hello;
    const { principal } = connection;
    const { scheduler, quota } = this.#options;
    const known = this.#recall(connection, hello);
    const handshake = known?.handshake ?? claimed?.handshake ?? this.#handshakeOf(pid);
    const codec = handshake.codecFor(hello, undefined);
    const code = known && refusalIn(known, connection, hello, claimed !== undefined);
    if (!codec || code !== undefined) {
      claimed?.giveUp();
      return this.#refuse(connection, code ?? CloseCode.UNSUPPORTED_DATA);
    }
    this.#supersede(pid);
    const giveUp = claimed?.giveUp ?? quota.take(principal?.id);
    const client: UnconfirmedClient = { handshake, owner: principal?.id, connection, giveUp };
    this.#unconfirmed.enter(pid, client);
    const { done, finished } = claimed?.row?.cursor ?? NO_CURSOR;
    const welcome = handshake.welcome(hello, codec, done, finished.at(-1) ?? done, expiryOf(principal, scheduler), claimed ? 0 : undefined);
    connection.send(welcome);
    const start = (): Observable<AnyWire> => {
      const stores = this.#newStores(connection, hello, claimed);
      // The client has its session now.
      client.connection = undefined;
      this.#unconfirmed.delete(pid);
      // The application has the wire before a frame of the client can fail.
      return concat(
        from(this.#begin(connection, { handshake, hello, codec, welcome, stores }, giveUp)),
        defer(() => {
          this.#sessions.get(pid)?.proceed(connection);
          return EMPTY;
        }),
      );
    };
    return connection.answered().pipe(
      takeUntil(connection.left()),
      filter(() => client.connection !== undefined),
      mergeMap(start),
      finalize(() => this.#leave(pid, client)),
      catchError((error: unknown) => this.#fail(connection, error)),
    );
  }

  /** Returns what the server remembers of a client that has not confirmed a welcome. */
  #recall(connection: IncomingConnection, hello: ReceivedHello): UnconfirmedClient | undefined {
    const { inbox, scheduler, detachedTimeout } = this.#options;
    const known = this.#unconfirmed.get(hello.pid);
    if (!inbox || !known) return known;
    // The hello may show the token of another server. Before the time is over, a stranger must not
    // take the place of the client.
    const isOver = known.awaySince !== undefined && scheduler.now() - known.awaySince >= detachedTimeout;
    return isOver && refusalIn(known, connection, hello, true) === CloseCode.TRY_AGAIN_LATER ? undefined : known;
  }
  /** Another connection of a client replaces that on which it has not confirmed its welcome. */
  #supersede(pid: string): void {
    const known = this.#unconfirmed.get(pid);
    const older = known?.connection;
    if (!known || !older) return;
    this.#leave(pid, known);
    older.close(CloseCode.SUPERSEDED, TAKEN_OVER);
  }
  /** A client that has not confirmed its welcome has left. */
  #leave(pid: string, client: UnconfirmedClient): void {
    const { connection, owner, giveUp } = client;
    if (!connection) return;
    client.connection = undefined;
    client.awaySince = this.#options.scheduler.now();
    giveUp();
    this.#unconfirmed.leave(pid, groupOf(owner, connection.address));
  }

  // ---- The beginning of a session

  #handshakeOf(pid: string): ServerHandshake {
    return new ServerHandshake(this.#coreOptionsOf(pid), randomName());
  }
  #newStores(connection: IncomingConnection, hello: ReceivedHello, claimed: ClaimedConnection | undefined): ServedStores | undefined {
    const { inbox } = this.#options;
    const outbox = outboxOf(this.#options, connection, hello.pid);
    if (!inbox && !outbox) return undefined;
    const { row, lease } = claimed ?? {};
    return new ServedStores({ hello, owner: connection.principal?.id, inbox, lease, row, record: undefined, outbox });
  }
  /** Begins the session of a client. */
  #begin(connection: IncomingConnection, client: NewClient, giveUp: () => void): readonly AnyWire[] {
    const { pid } = client.hello;
    const transport = new SessionTransport(connection, true, this.#options);
    const onEnded = (): void => {
      this.#sessions.delete(pid);
      giveUp();
    };
    const session = new ServedSession(transport, client, this.#loop, this.#options, onEnded);
    this.#sessions.set(pid, session);
    const wire = new PrincipalWire(session, transport, pid);
    if (transport.failure === undefined) return [wire];
    // Its stores have failed before it could be emitted.
    this.#options.onRefused(transport.failure);
    return [];
  }

  #fail(connection: IncomingConnection, error: unknown): Observable<never> {
    connection.close(...closeOf(error));
    this.#options.onRefused(error);
    return EMPTY;
  }
  #refuse(connection: IncomingConnection, code: CloseCode, reason = reasonOf(code)): Observable<never> {
    return this.#refuseWith(connection, code, new UnsupportedError(reason));
  }
  #refuseWith(connection: IncomingConnection, code: CloseCode, error: unknown): Observable<never> {
    const { reason, text = '' } = Object(error) as Partial<UnsupportedError>;
    connection.close(code, reason ?? text);
    this.#options.onRefused(error);
    return EMPTY;
  }
}

/** The progress of a client without a row. */
const NO_CURSOR = { done: 0, finished: [] as readonly number[] };

function reasonOf(code: CloseCode): string {
  return code === CloseCode.UNSUPPORTED_DATA
    ? 'client and server have no codec in common'
    : `the hello was refused with close code ${code}`;
}
