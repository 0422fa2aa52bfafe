import { Subscription, type Unsubscribable } from 'rxjs';
import { ServerHandshake, type ReceivedHello } from '../../core/serverHandshake.js';
import type { SessionCodec, CoreOptions } from '../../core/coreTypes.js';
import type { ClientRecord, OutboxContents } from '../../core/storedTypes.js';
import { StoreError, UnauthorizedError, UnsupportedError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { once } from '../../message/once.js';
import { CloseCode } from '../../message/closeCode.js';
import type { Message } from '../../message/types.js';
import { expiryOf } from '../accept/authentication.js';
import type { AcceptedWires } from '../accept/incomingConnections.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { randomName } from '../nodePlatform.js';
import { type Principal, PrincipalWire } from '../principal.js';
import { closeOf, closeStore, KICKED, ClientConnection, STOPS } from './clientConnection.js';
import type { ClusterServer, ServerCluster } from '../../wire/session/serverCluster.js';
import type { OutboxStore } from '../../stores/outboxStore.js';
import type { Inbox, InboxClaim, InboxLease } from '../../stores/inbox.js';
import { isEarlier } from '../../stores/helloNumber.js';
import { scopedWait, type Wait } from '../../wire/session/scopedWait.js';
import { SessionLoop } from '../../wire/session/sessionLoop.js';
import { createClaimTurns } from './claimTurns.js';
import { claimClient, isStored, renewClaim, type ClaimCall, type ClaimedClient, knownClientIn, type KnownClient } from './clientClaims.js';
import { coreOptions } from './coreOptions.js';
import { type NewClient, ServedSession } from './servedSession.js';
import { openOutbox, outboxOf, ServedStores } from './servedStores.js';
import { refusalIn, UnconfirmedClients, type UnconfirmedClient } from './unconfirmedClients.js';

/** A client whose row is claimed for a hello that is not refused. */
interface ClaimedConnection extends Pick<ClaimedClient, 'row' | 'lease'> {
  readonly connection: IncomingConnection;
  readonly hello: ReceivedHello;
  readonly handshake: ServerHandshake;
  /** The best codec that both sides have. */
  readonly codec: SessionCodec;
  /** Ends the count of the quota, and the lease. */
  readonly release: () => void;
  /** Ends the claim: another hello of the client may claim it. */
  readonly claimed: Unsubscribable;
  /** Gives up the claim, and refuses the client. */
  readonly failed: (error: unknown) => void;
}

export interface ServedSessionsOptions extends AcceptedWires {
  /** Where messages to a client are stored until they are acked. */
  readonly outbox?: (pid: string, group: string) => OutboxStore;
  readonly cluster?: ServerCluster;
}

/** The sessions of a server, by the names of the clients' outboxes. */
export class ServedSessions implements ClusterServer {
  readonly #sessions = new Map<string, ServedSession>();
  readonly #unconfirmed: UnconfirmedClients;
  /** The clients whose stored state is being read. */
  readonly #claiming = new Set<string>();
  readonly #turns = createClaimTurns();
  readonly #options: ServedSessionsOptions;
  readonly #coreOptionsOf: (pid: string) => CoreOptions;
  readonly #loop: SessionLoop;
  readonly #life = new Subscription();
  readonly #wait: Wait = scopedWait(this.#life);

  constructor(options: ServedSessionsOptions) {
    this.#options = options;
    this.#unconfirmed = new UnconfirmedClients(options);
    this.#coreOptionsOf = coreOptions(options);
    this.#loop = new SessionLoop(options.scheduler, options.microtask);
  }

  /**
   * Makes the wire of a new client, when the client has confirmed its welcome. A client that has a
   * wire already continues with it.
   *
   * @throws {RxwireError} When the hello is invalid, or the principal has too many wires.
   */
  accept(connection: IncomingConnection): void {
    const hello = connection.hello();
    const session = this.#sessions.get(hello.pid);
    const { inbox } = this.#options;
    if (session) this.#goOn(connection, hello, session);
    else if (this.#claiming.has(hello.pid))
      this.#refuse(connection, CloseCode.TRY_AGAIN_LATER, 'the server still handles an earlier hello of this client');
    else if (inbox) this.#check(inbox, connection, hello);
    else this.#sendWelcome(connection, hello, undefined);
  }

  announce(message: Message): void {
    for (const session of this.#sessions.values()) session.announce(message);
  }
  /**
   * Returns all sessions. Closes the connections of the clients that have no session yet with 1012.
   */
  sessions(): readonly ServedSession[] {
    this.#closeUnconfirmed(CloseCode.SERVICE_RESTART);
    return [...this.#sessions.values()];
  }
  /** Ends the session of a client that another node has claimed for a later hello. */
  fence(pid: string, claim: InboxClaim): void {
    const { lease, clientConnection } = this.#sessions.get(pid) ?? {};
    if (lease && lease.owner !== claim.owner && isEarlier(lease, claim)) clientConnection?.terminate(new StoreError('inbox', 'fenced'));
  }
  /** Closes the sessions of a principal with 4403. */
  kick(principal: string): void {
    for (const { clientConnection } of [...this.#sessions.values()])
      if (clientConnection.owner === principal) clientConnection.terminate(new UnauthorizedError(CloseCode.FORBIDDEN, KICKED));
  }
  get size(): number {
    return this.#sessions.size;
  }
  /** Ends all sessions with close code 1001: the clients may connect to another server. */
  close(): void {
    this.#closeUnconfirmed(CloseCode.GOING_AWAY);
    for (const { clientConnection } of [...this.#sessions.values()]) clientConnection.terminate();
    this.#life.unsubscribe();
  }
  #closeUnconfirmed(code: CloseCode): void {
    for (const connection of [...this.#unconfirmed.connections, ...this.#turns.waiting]) connection.close(code, STOPS);
  }

  // ---- A client that has a session

  /**
   * Continues a session over another connection. Another server may have claimed the client since
   * the last connection: then the session ends, and another begins with the stored state.
   */
  #goOn(connection: IncomingConnection, hello: ReceivedHello, session: ServedSession): void {
    const { inbox } = this.#options;
    const { lease } = session;
    if (!inbox || !lease) {
      this.#takeOver(connection, hello, session);
      return;
    }
    const { pid } = hello;
    const renewed = (isFenced: boolean): void => {
      const isMine = this.#sessions.get(pid) === session;
      if (isMine && !isFenced) {
        this.#takeOver(connection, hello, session);
        return;
      }
      if (isMine) session.clientConnection.terminate(new StoreError('inbox', 'fenced'));
      // A session that ended after it had renewed its claim leaves a claim that refuses this
      // hello, but not a later one.
      const isFree = !this.#sessions.has(pid) && !this.#claiming.has(pid) && !this.#unconfirmed.get(pid);
      if (isFenced && isFree) this.#claim(inbox, connection, hello);
      else this.#refuse(connection, CloseCode.TRY_AGAIN_LATER, 'an earlier session of this client has not ended yet');
    };
    renewClaim(this.#callOf(inbox, connection, hello, renewed), lease, () => session.refusal(connection, hello) !== undefined);
  }
  #takeOver(connection: IncomingConnection, hello: ReceivedHello, session: ServedSession): void {
    const code = session.refusal(connection, hello);
    if (code !== undefined) this.#refuse(connection, code);
    else session.takeOver(connection, hello);
  }

  // ---- The claim on a client that has none

  /** Claims a client, unless the memory of this server refuses the hello. */
  #check(inbox: Inbox, connection: IncomingConnection, hello: ReceivedHello): void {
    const { pid } = hello;
    const known = this.#unconfirmed.get(pid);
    const code = known && refusalIn(known, connection, hello, true);
    // An earlier hello must not end the handshake of a later one, also if nothing of that is
    // stored.
    if (code === CloseCode.SUPERSEDED) this.#refuse(connection, code);
    else if (code === undefined || !known?.connection) this.#claim(inbox, connection, hello);
    else {
      // Another server may have stored the client: only the row refuses a token.
      const checked = (isKnown: boolean): void => {
        const isUnchanged = this.#unconfirmed.get(pid) === known && known.connection !== undefined && !this.#claiming.has(pid);
        if (isKnown && isUnchanged) this.#claim(inbox, connection, hello);
        else this.#refuse(connection, code);
      };
      isStored(this.#callOf(inbox, connection, hello, checked));
    }
  }
  /** Returns a call of the inbox for a hello, which is refused if the call fails. */
  #callOf<T>(inbox: Inbox, connection: IncomingConnection, hello: ReceivedHello, then: (result: T) => void): ClaimCall<T> {
    return {
      inbox,
      hello,
      wait: this.#wait,
      done: (result) =>
        callSafely(
          () => then(result),
          (error) => this.#options.refuse(connection, error),
        ),
      failed: (error) => this.#refuseWith(connection, CloseCode.INTERNAL_ERROR, error),
    };
  }

  #claim(inbox: Inbox, connection: IncomingConnection, hello: ReceivedHello): void {
    const { pid } = hello;
    const handshake = new ServerHandshake(this.#coreOptionsOf(pid), randomName());
    const codec = handshake.codecFor(hello, undefined);
    if (!codec) {
      this.#refuse(connection, CloseCode.UNSUPPORTED_DATA);
      return;
    }
    this.#unconfirmed.supersede(pid);
    const releaseQuota = this.#options.quota.take(connection.principal?.id);
    let lease: InboxLease | undefined;
    const release = once(() => {
      releaseQuota();
      if (lease) inbox.release?.(lease);
    });
    const claimed = new Subscription(() => this.#claiming.delete(pid));
    const giveUp = (): void => {
      claimed.unsubscribe();
      release();
    };
    const failed = (error: unknown): void => {
      giveUp();
      this.#fail(connection, error);
    };
    const answered = ({ refusal, row, isRemembered, ...rest }: ClaimedClient): void => {
      ({ lease } = rest);
      if (!isRemembered) handshake.prepared = undefined;
      if (refusal !== undefined) {
        giveUp();
        this.#refuse(connection, refusal);
        return;
      }
      // Only a client that is stored can have a session at another node.
      if (lease && row) this.#options.cluster?.claimed(pid, lease);
      const known = knownClientIn(row);
      const client: ClaimedConnection = { connection, hello, handshake, codec, row, lease, release, claimed, failed };
      if (known) this.#resume(client, known);
      else {
        claimed.unsubscribe();
        this.#sendWelcome(connection, hello, client);
      }
    };
    this.#claiming.add(pid);
    const done = (result: ClaimedClient): unknown => callSafely(() => answered(result), failed);
    const prepare = (record: ClientRecord) => handshake.prepare(record, hello, codecOf(handshake, hello, record) ?? codec);
    const claim = (): void => claimClient({ inbox, hello, wait: this.#wait, done, failed }, connection.principal?.id, prepare);
    claimed.add(this.#turns.add(connection, claim, giveUp));
  }

  /**
   * Opens the outbox of a client that has confirmed a welcome before, and begins its session. That
   * ends its session at another server.
   */
  #resume(client: ClaimedConnection, { record, owner }: KnownClient): void {
    const { connection, hello, handshake, row, lease, release, claimed, failed } = client;
    const { pid } = hello;
    const codec = codecOf(handshake, hello, record) ?? client.codec;
    const outbox = outboxOf(this.#options, connection, pid);
    const start = (contents?: OutboxContents): void => {
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
      this.#begin(connection, { handshake, hello, codec, welcome: undefined, stores, release });
      claimed.unsubscribe();
    };
    const notOpened = (error: unknown): void => {
      if (outbox) closeStore(outbox);
      failed(error);
    };
    if (outbox) openOutbox(this.#wait, outbox, hello, (contents) => callSafely(() => start(contents), failed), notOpened);
    else start();
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
  #sendWelcome(connection: IncomingConnection, hello: ReceivedHello, claimed: ClaimedConnection | undefined): void {
    const { pid } = hello;
    const { principal } = connection;
    const { scheduler, quota } = this.#options;
    const known = this.#unconfirmed.recall(connection, hello, claimed !== undefined);
    const handshake = known?.handshake ?? claimed?.handshake ?? new ServerHandshake(this.#coreOptionsOf(pid), randomName());
    const codec = handshake.codecFor(hello, undefined);
    const code = known && refusalIn(known, connection, hello, claimed !== undefined);
    if (!codec || code !== undefined) {
      claimed?.release();
      this.#refuse(connection, code ?? CloseCode.UNSUPPORTED_DATA);
      return;
    }
    this.#unconfirmed.supersede(pid);
    const release = claimed?.release ?? quota.take(principal?.id);
    const client: UnconfirmedClient = { handshake, owner: principal?.id, connection, release };
    this.#unconfirmed.enter(pid, client);
    const { done, finished } = claimed?.row?.cursor ?? NO_CURSOR;
    const welcome = handshake.welcome(hello, codec, done, finished.at(-1) ?? done, expiryOf(principal, scheduler), claimed ? 0 : undefined);
    const start = (): void => {
      const stores = this.#newStores(connection, hello, claimed);
      // The client has its session now.
      client.connection = undefined;
      this.#unconfirmed.delete(pid);
      // The application has the wire before a frame of the client can fail.
      this.#begin(connection, { handshake, hello, codec, welcome, stores, release });
      this.#sessions.get(pid)?.proceed(connection);
    };
    const failed = (error: unknown): void => {
      this.#unconfirmed.leave(pid, client);
      this.#fail(connection, error);
    };
    connection.welcome(welcome, {
      answered: () => client.connection && callSafely(start, failed),
      left: () => this.#unconfirmed.leave(pid, client),
    });
  }

  // ---- The beginning of a session

  #newStores(connection: IncomingConnection, hello: ReceivedHello, claimed: ClaimedConnection | undefined): ServedStores | undefined {
    const { inbox } = this.#options;
    const outbox = outboxOf(this.#options, connection, hello.pid);
    if (!inbox && !outbox) return undefined;
    const { row, lease } = claimed ?? {};
    return new ServedStores({ hello, owner: connection.principal?.id, inbox, lease, row, record: undefined, outbox });
  }
  readonly #onEnded = ({ pid, releasePlace }: ServedSession): void => {
    this.#sessions.delete(pid);
    releasePlace();
  };
  #begin(connection: IncomingConnection, client: NewClient): void {
    const { pid } = client.hello;
    const { onRefused, emit } = this.#options;
    const clientConnection = new ClientConnection(connection, true, this.#options);
    const session = new ServedSession(clientConnection, client, this.#loop, this.#options, this.#onEnded);
    this.#sessions.set(pid, session);
    const wire = (session.wire = new PrincipalWire<Principal | undefined>(session, clientConnection, this.#options, pid));
    if (clientConnection.failure === undefined) emit(wire);
    // Its stores have failed before it could be emitted.
    else onRefused(clientConnection.failure);
  }

  #fail(connection: IncomingConnection, error: unknown): void {
    connection.close(...closeOf(error));
    this.#options.onRefused(error);
  }
  #refuse(connection: IncomingConnection, code: CloseCode, reason = reasonOf(code)): void {
    this.#refuseWith(connection, code, new UnsupportedError(reason));
  }
  #refuseWith(connection: IncomingConnection, code: CloseCode, error: unknown): void {
    const { reason, text = '' } = Object(error) as Partial<UnsupportedError>;
    connection.close(code, reason ?? text);
    this.#options.onRefused(error);
  }
}

/** Returns the codec of a known client, if it still offers that. */
function codecOf(handshake: ServerHandshake, hello: ReceivedHello, record: ClientRecord): SessionCodec | undefined {
  const stored = handshake.options.codecs.find(({ name }) => name === record.codec);
  return handshake.codecFor(hello, stored);
}

/** The progress of a client without a row. */
const NO_CURSOR = { done: 0, finished: [] as readonly number[] };

function reasonOf(code: CloseCode): string {
  return code === CloseCode.UNSUPPORTED_DATA
    ? 'client and server have no codec in common'
    : `the hello was refused with close code ${code}`;
}
