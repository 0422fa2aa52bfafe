import { Subscription } from 'rxjs';
import { ServerHandshake, type ReceivedHello } from '../../core/serverHandshake.js';
import type { SessionCodec, CoreOptions } from '../../core/coreTypes.js';
import type { ClientRecord } from '../../core/storedTypes.js';
import { CallbackError, ConnectionLostError, StoreError, UnauthorizedError, UnsupportedError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import type { MaybePromise } from '../../message/maybeAsync.js';
import { once } from '../../message/once.js';
import { CloseCode } from '../../message/closeCode.js';
import type { Message } from '../../message/types.js';
import { expiryOf, goodbyeOf } from '../accept/authentication.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { createSemaphore } from '../accept/semaphore.js';
import { randomName } from '../nodePlatform.js';
import { type AnyWire, type Principal, PrincipalWire } from '../principal.js';
import type { WiresOptions } from '../serverOptions.js';
import type { ClusterServer } from '../../wire/session/serverCluster.js';
import type { Inbox, InboxClaim, InboxLease, InboxRecord } from '../../stores/inbox.js';
import { isEarlier } from '../../stores/helloNumber.js';
import { storeErrorOf } from '../../stores/storeErrors.js';
import { scopedWait, type Wait } from '../../wire/session/scopedWait.js';
import { SessionLoop } from '../../wire/session/sessionLoop.js';
import { claimClient, isStored, renewClaim, knownClientIn, type KnownClient } from './clientClaims.js';
import { coreOptions } from './coreOptions.js';
import { decideHello, type HelloFacts } from './helloDecision.js';
import { groupOf } from './quota.js';
import { closeOf } from './servedClient.js';
import { type NewClient, ServedSession } from './servedSession.js';
import { ServedStores } from './servedStores.js';
import { refusalIn, UnconfirmedClients, type UnconfirmedClient } from './unconfirmedClients.js';

/** The options of the wires of a server, with the functions that take its wires and refusals. */
export interface AcceptedWires extends WiresOptions {
  readonly emit: (wire: AnyWire) => void;
  readonly onRefused: (error: unknown) => void;
}

/** A hello that is not decided yet, with the answers of the inbox so far. */
interface PendingHello {
  readonly connection: IncomingConnection;
  readonly hello: ReceivedHello;
  isFenced?: boolean;
  isStored?: boolean;
  /** The session whose claim was renewed. */
  renewed?: ServedSession;
  /** The handshake of a client that has no session. */
  handshake?: ServerHandshake;
  /** The client without a session that the server remembers. */
  known?: UnconfirmedClient | undefined;
  claim?: ClaimedClient;
  /** Ends the count of the quota, and the lease. Set when the client is being claimed. */
  release?: () => void;
  /** Ends the claim: another hello of the client may claim it. */
  claiming?: Subscription;
}

interface ClaimedClient {
  readonly row: InboxRecord | undefined;
  readonly lease: InboxLease | undefined;
  readonly refusal: CloseCode | undefined;
  readonly client: KnownClient | undefined;
}

/** The number of claims at once: the writes of other clients wait behind them in the store. */
const MAX_CLAIMING = 128;

/** The sessions of a server, by the names of the clients' outboxes. */
export class ServedSessions implements ClusterServer {
  readonly #sessions = new Map<string, ServedSession>();
  readonly #unconfirmed: UnconfirmedClients;
  /** The clients whose stored state is being read. */
  readonly #claiming = new Set<string>();
  readonly #inTurn = createSemaphore(MAX_CLAIMING);
  readonly #options: AcceptedWires;
  readonly #coreOptionsOf: (pid: string) => CoreOptions;
  readonly #loop: SessionLoop;
  readonly #life = new Subscription();
  readonly #wait: Wait = scopedWait(this.#life);

  constructor(options: AcceptedWires) {
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
    this.#handle({ connection, hello: connection.hello as ReceivedHello });
  }

  get all(): readonly ServedSession[] {
    return [...this.#sessions.values()];
  }
  announce(message: Message): void {
    for (const session of this.#sessions.values()) session.announce(message);
  }
  /** Ends the session of a client that another node has claimed for a later hello. */
  fence(pid: string, claim: InboxClaim): void {
    const session = this.#sessions.get(pid);
    const lease = session?.lease;
    if (lease && lease.owner !== claim.owner && isEarlier(lease, claim)) session.end({ error: new StoreError('inbox', 'fenced') });
  }
  /** Closes the sessions of a principal with 4403. */
  kick(principal: string): void {
    const error = new UnauthorizedError(CloseCode.FORBIDDEN, 'the server has ended the session');
    for (const session of this.all) if (session.owner === principal) session.end({ error });
  }
  get size(): number {
    return this.#sessions.size;
  }
  /** Ends all sessions with close code 1001: the clients may connect to another server. */
  close(): void {
    for (const session of this.all) session.end('stopped');
    this.#life.unsubscribe();
  }

  // ---- The decision on a hello

  /** Decides on a hello, and again with each answer of the inbox. */
  #handle(pending: PendingHello): void {
    const { connection, hello } = pending;
    const decision = decideHello(this.#factsOf(pending));
    switch (decision.kind) {
      case 'accept':
        pending.claiming?.unsubscribe();
        this.#welcome(pending);
        break;
      case 'resume':
        this.#sessions.get(hello.pid)?.takeOver(connection);
        break;
      case 'restore':
        this.#restore(pending);
        break;
      case 'refuse':
        this.#fail(pending, new UnsupportedError(decision.reason), [decision.code, decision.reason]);
        break;
      case 'wait':
        this.#ask(pending, decision.for);
    }
  }
  #factsOf(pending: PendingHello): HelloFacts {
    const { connection, hello, claim, isFenced, isStored } = pending;
    const { pid } = hello;
    const hasInbox = this.#options.inbox !== undefined;
    const isClaiming = this.#claiming.has(pid);
    const session = this.#sessions.get(pid);
    if (session) {
      const { lease } = session;
      const refusal = session.refusal(connection, hello);
      const isRenewed = pending.renewed === session;
      return { hasInbox, session: { refusal, hasLease: lease !== undefined, isRenewed }, isClaiming, isFenced };
    }
    const handshake = (pending.handshake ??= new ServerHandshake(this.#coreOptionsOf(pid), randomName()));
    const known = (pending.known = this.#unconfirmed.recall(connection, hello, hasInbox));
    const hasCodec = handshake.codecFor(hello, undefined) !== undefined;
    const refusal = hasCodec ? known && refusalIn(known, connection, hello, hasInbox) : CloseCode.UNSUPPORTED_DATA;
    const client = { refusal, isConnected: known?.connection !== undefined };
    return { hasInbox, client, isClaiming, isFenced, isStored, claim: claim && { ...claim, isKnown: claim.client !== undefined } };
  }
  #fail({ connection, claiming, release }: PendingHello, error: unknown, goodbye = refusalGoodbye(error)): void {
    claiming?.unsubscribe();
    release?.();
    connection.refuse(error, goodbye);
  }

  // ---- The inbox

  #ask(pending: PendingHello, what: 'renewal' | 'record' | 'claim'): void {
    const { connection, hello } = pending;
    const inbox = this.#options.inbox as Inbox;
    if (what === 'claim') this.#claim(inbox, pending);
    else if (what === 'record')
      this.#await(
        pending,
        () => isStored(inbox, hello),
        (answer) => (pending.isStored = answer),
      );
    else {
      const session = (pending.renewed = this.#sessions.get(hello.pid) as ServedSession);
      const isRefused = (): boolean => session.refusal(connection, hello) !== undefined;
      const renewed = (isFenced: boolean): void => {
        pending.isFenced = isFenced;
        // Another server has claimed the client: another session begins with the stored state.
        if (isFenced && this.#sessions.get(hello.pid) === session) session.end({ error: new StoreError('inbox', 'fenced') });
      };
      this.#await(pending, () => renewClaim(inbox, hello, session.lease as InboxLease, isRefused), renewed);
    }
  }
  #await<T>(pending: PendingHello, ask: () => MaybePromise<T>, answered: (answer: T) => void): void {
    const failed = (error: unknown): void => this.#fail(pending, error);
    const done = (answer: T): void =>
      callSafely(() => {
        answered(answer);
        this.#handle(pending);
      }, failed);
    this.#wait(ask, done, (error) => failed(storeErrorOf('inbox', error)));
  }
  #claim(inbox: Inbox, pending: PendingHello): void {
    const { connection, hello } = pending;
    const { pid } = hello;
    const owner = connection.principal?.id;
    const handshake = pending.handshake as ServerHandshake;
    this.#unconfirmed.supersede(pid);
    const releaseQuota = this.#options.quota.take(owner);
    this.#claiming.add(pid);
    const claiming = (pending.claiming = new Subscription(() => this.#claiming.delete(pid)));
    const release = (pending.release = once(() => {
      releaseQuota();
      if (pending.claim?.lease) inbox.release?.(pending.claim.lease);
    }));
    const prepare = (record: ClientRecord): ClientRecord => handshake.prepare(record, hello, codecOf(handshake, hello, record));
    const start = (): void => {
      connection.waitFor(undefined);
      this.#await(
        pending,
        () => claimClient(inbox, hello, owner, prepare),
        ({ refusal, row, lease, isRemembered }) => {
          pending.claim = { row, lease, refusal, client: knownClientIn(row) };
          if (!isRemembered) handshake.prepared = undefined;
          // Only a client that is stored can have a session at another node.
          if (lease && row) this.#options.cluster?.claimed(pid, lease);
        },
      );
    };
    const left = (): void => {
      claiming.unsubscribe();
      release();
    };
    connection.waitFor({ left });
    if (!claiming.closed) claiming.add(this.#inTurn(start));
  }

  // ---- The beginning of a session

  /**
   * Opens the outbox of a client that has confirmed a welcome before, and begins its session. That
   * ends its session at another server.
   */
  #restore(pending: PendingHello): void {
    const { connection, hello, claiming } = pending;
    const { record } = pending.claim?.client as KnownClient;
    const handshake = pending.handshake as ServerHandshake;
    const codec = codecOf(handshake, hello, record);
    const stores = this.#storesOf(pending, { ...record, codec: codec.name }) as ServedStores;
    const failed = (error: unknown): void => {
      stores.close();
      this.#fail(pending, error);
    };
    const start = (): void => {
      this.#unconfirmed.delete(hello.pid);
      this.#begin(connection, { handshake, codec, welcome: undefined, stores, release: pending.release as () => void });
      claiming?.unsubscribe();
    };
    stores.open(this.#wait, () => callSafely(start, failed), failed);
  }

  /**
   * Sends the welcome to a client that has no session, and begins its session when the client has
   * answered. Until then the server stores nothing, and keeps the handshake only.
   *
   * With an inbox, the client may send numbered messages when its record is stored: another server
   * that it reaches earlier does not know what has happened to them.
   */
  #welcome(pending: PendingHello): void {
    const { connection, hello, known, claim } = pending;
    const { pid } = hello;
    const { principal } = connection;
    const { scheduler, quota } = this.#options;
    const handshake = (known ?? pending).handshake as ServerHandshake;
    const codec = handshake.codecFor(hello, undefined) as SessionCodec;
    this.#unconfirmed.supersede(pid);
    const release = pending.release ?? quota.take(principal?.id);
    const client: UnconfirmedClient = { handshake, owner: principal?.id, connection, release };
    this.#unconfirmed.enter(pid, client);
    const { done, finished } = claim?.row?.cursor ?? NO_CURSOR;
    const welcome = handshake.welcome(hello, codec, done, finished.at(-1) ?? done, expiryOf(principal, scheduler), claim ? 0 : undefined);
    const start = (): void => {
      const stores = this.#storesOf(pending, undefined);
      // The client has its session now.
      client.connection = undefined;
      this.#unconfirmed.delete(pid);
      // The application has the wire before a frame of the client can fail.
      this.#begin(connection, { handshake, codec, welcome, stores, release }).proceed(connection);
    };
    const left = (): void => this.#unconfirmed.leave(pid, client);
    const failed = (error: unknown): void => {
      left();
      connection.refuse(error, closeOf(error));
    };
    connection.welcome(welcome, { answered: () => client.connection && callSafely(start, failed), left });
  }

  /**
   * Returns the stores of a session; undefined if the server has none.
   *
   * @throws {CallbackError} When `outbox` throws.
   */
  #storesOf({ connection, hello, claim }: PendingHello, record: ClientRecord | undefined): ServedStores | undefined {
    const { inbox, outbox: outboxOf } = this.#options;
    if (!inbox && !outboxOf) return undefined;
    const owner = connection.principal?.id;
    try {
      const outbox = outboxOf?.(hello.pid, groupOf(owner, connection.address));
      return new ServedStores({ hello, owner, inbox, lease: claim?.lease, row: claim?.row, record, outbox });
    } catch (cause) {
      throw new CallbackError('outbox', cause);
    }
  }
  readonly #onEnded = ({ pid, releasePlace }: ServedSession): void => {
    this.#sessions.delete(pid);
    releasePlace();
  };
  #begin(connection: IncomingConnection, client: NewClient): ServedSession {
    const { onRefused, emit } = this.#options;
    const session = new ServedSession(connection, client, this.#loop, this.#options, this.#onEnded);
    this.#sessions.set(session.pid, session);
    const wire = (session.wire = new PrincipalWire<Principal | undefined>(session, session, this.#options, session.pid));
    if (session.failure === undefined) emit(wire);
    // Its stores have failed before it could be emitted.
    else onRefused(session.failure);
    return session;
  }
}

function refusalGoodbye(error: unknown) {
  return error instanceof ConnectionLostError ? goodbyeOf(error) : closeOf(error);
}

/** Returns the codec of a known client, if it still offers that; the best one otherwise. */
function codecOf(handshake: ServerHandshake, hello: ReceivedHello, record: ClientRecord): SessionCodec {
  const stored = handshake.options.codecs.find(({ name }) => name === record.codec);
  return (handshake.codecFor(hello, stored) ?? handshake.codecFor(hello, undefined)) as SessionCodec;
}

/** The progress of a client without a row. */
const NO_CURSOR = { done: 0, finished: [] as readonly number[] };
