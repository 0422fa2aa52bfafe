import { catchError, concat, defer, EMPTY, filter, finalize, from, mergeMap, takeUntil, tap, type Observable } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import { CallbackError, StoreError, UnauthorizedError, UnsupportedError } from '../../errors.js';
import { asObservable } from '../../internal/maybeAsync.js';
import { once } from '../../internal/once.js';
import { CloseCode } from '../../link/closeCode.js';
import type { Message } from '../../message/types.js';
import { controlFrame } from '../../session/protocol/frames.js';
import type { Hello } from '../../session/protocol/handshake.js';
import type { ClaimedInbox, InboxClaim, InboxLease } from '../../session/store/inbox.js';
import { inMemory } from '../../session/store/memoryOutbox.js';
import { isEarlier } from '../../session/store/isEarlier.js';
import { storeErrorOf } from '../../session/store/storeErrorOf.js';
import { outboxCalls, type OutboxCalls } from '../../session/store/outboxCalls.js';
import type { OutboxStore } from '../../session/store/outboxStore.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { PrincipalWire, type AnyWire } from '../principal.js';
import { randomName } from '../nodePlatform.js';
import type { ClusterServer, ServerCluster } from '../../session/serverCluster.js';
import type { NewClient, ServerSessionOptions } from './awakeSession.js';
import type { Drained } from './drain.js';
import { FanOut } from './fanOut.js';
import { welcomeOf } from './handshakeResponder.js';
import { createKeepaliveTimer } from './keepaliveTimer.js';
import { groupOf } from './quota.js';
import { createPeer, type Peer, type PeerRecord } from './resumption.js';
import type { ServerSession } from './serverSession.js';
import { claimForNew, isStoredByOther, knownPeer, renewClaim } from './sessionClaims.js';
import { SessionWireSetup, type SessionEntry } from './sessionWireSetup.js';
import { closeOf, closeStore, KICKED, SessionTransport, STOPS, TAKEN_OVER } from './transport.js';
import { createUnconfirmedPeers, type UnconfirmedPeers } from './unconfirmedPeers.js';

export interface RegistryOptions extends Omit<ServerSessionOptions, 'keepalive' | 'fanOut'> {
  /** Where messages to a client are stored until they are acked. */
  readonly outbox?: (pid: string, group: string) => OutboxStore;
  readonly cluster?: ServerCluster;
  /** Called with the reason why a client was refused. */
  readonly onRefused: (error: unknown) => void;
}

/** A client that has not confirmed a welcome, while its connection is open. */
interface UnconfirmedEntry {
  readonly peer: Peer;
  /** The name of the codec of the session. */
  readonly codec: string;
  readonly attachment: IncomingConnection;
  /** Removes the client from the registry and from the quota. */
  readonly leave: () => void;
}

/** A client whose hello is not refused. */
interface AdmittedClient extends ClaimedInbox, Pick<NewClient, 'codec'> {
  readonly attachment: IncomingConnection;
  readonly hello: Hello;
  /** Removes the client from the registry and from the quota. */
  readonly leave: () => void;
}

/** Sessions whose messages are in memory share it: it stores nothing. */
const IN_MEMORY = outboxCalls(inMemory);

/** The sessions of a server, by the names of the clients' outboxes. */
export class Registry implements ClusterServer {
  /** An entry is `undefined` while the server reads the stored state of the client. */
  readonly #entries = new Map<string, SessionEntry | UnconfirmedEntry | undefined>();
  readonly #unconfirmed: UnconfirmedPeers;
  readonly #options: RegistryOptions;
  readonly #shared: ServerSessionOptions;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#unconfirmed = createUnconfirmedPeers(options);
    this.#shared = {
      ...options,
      keepalive: createKeepaliveTimer(options.pingInterval, options.scheduler, options.hibernateAfter),
      fanOut: new FanOut(options.microtask),
    };
  }

  /**
   * Emits the wire of a new client, when the client has confirmed its welcome. Completes without a
   * wire when the client has one already, or is refused.
   *
   * @throws {RxwireError} When the principal has too many wires.
   */
  admit(attachment: IncomingConnection): Observable<AnyWire> {
    const hello = attachment.hello();
    const entry = this.#entries.get(hello.pid);
    if (!this.#entries.has(hello.pid)) return this.#begin(attachment, hello);
    if (!entry) {
      this.#refuse(attachment, CloseCode.TRY_AGAIN_LATER, new UnsupportedError('the server still handles an earlier hello of this client'));
      return EMPTY;
    }
    if ('transport' in entry) return this.#goOn(attachment, hello, entry);
    return isStoredByOther(this.#options.inbox, attachment, hello, entry.peer).pipe(
      catchError((error: unknown) => this.#refuse(attachment, CloseCode.INTERNAL_ERROR, error)),
      mergeMap((isStored) => {
        const isMine = this.#entries.get(hello.pid) === entry;
        if (!(isStored && isMine) && this.#isRefused(attachment, hello, entry.peer, entry.codec)) return EMPTY;
        entry.leave();
        entry.attachment.close(CloseCode.SUPERSEDED, TAKEN_OVER);
        return this.#begin(attachment, hello);
      }),
    );
  }

  /** Sends a message to each connected client at once, also when its session hibernates. */
  announce(message: Message): void {
    for (const session of this.#sessions()) session.announce(message);
    this.#shared.fanOut.flush();
  }

  /**
   * Wakes all sessions up, and returns them. Closes the connections of the clients that have no
   * session yet with 1012.
   */
  sessions(): readonly Drained[] {
    this.#closeUnconfirmed(CloseCode.SERVICE_RESTART);
    return this.#sessions().map((session) => session.wake());
  }

  /** Ends the session of a client that another node has claimed for a later hello. */
  fence(pid: string, claim: InboxClaim): void {
    const entry = this.#entries.get(pid);
    if (!entry || !('transport' in entry) || !entry.lease) return;
    if (entry.lease.owner !== claim.owner && isEarlier(entry.lease, claim)) entry.transport.vacate(new StoreError('inbox', 'fenced'));
  }

  /** Closes the sessions of a principal with 4403. */
  kick(principal: string): void {
    for (const entry of [...this.#entries.values()])
      if (entry && 'transport' in entry && entry.transport.owner === principal)
        entry.transport.vacate(new UnauthorizedError(CloseCode.FORBIDDEN, KICKED));
  }

  /** The number of sessions. */
  get size(): number {
    return this.#entries.size;
  }

  /** Ends all sessions with close code 1001: the clients may connect to another server. */
  close(): void {
    this.#closeUnconfirmed(CloseCode.GOING_AWAY);
    for (const entry of [...this.#entries.values()]) if (entry && 'transport' in entry) entry.transport.vacate();
  }

  /** Claims the client for a new session. */
  #begin(attachment: IncomingConnection, hello: Hello): Observable<AnyWire> {
    const { codecs, inbox, quota } = this.#options;
    const { pid } = hello;
    const codec = agreedCodec(hello, codecs);
    const refuse = (code: CloseCode, error: unknown): [] => this.#refuse(attachment, code, error);
    if (!codec) return from(refuse(CloseCode.UNSUPPORTED_DATA, noCodec()));
    const giveUp = quota.take(attachment.principal?.id);
    let lease: InboxLease | undefined;
    const leave = once(() => {
      this.#entries.delete(pid);
      giveUp();
      if (lease) inbox?.release?.(lease);
    });
    this.#entries.set(pid, undefined);
    return claimForNew(inbox, attachment, hello).pipe(
      mergeMap(({ refusal, record, ...claimed }) => {
        ({ lease } = claimed);
        if (refusal !== undefined) {
          leave();
          return refuse(refusal, refusedHello(refusal));
        }
        // Only a client that is stored can have a session at another node.
        if (lease && record) this.#options.cluster?.claimed(pid, lease);
        const known = knownPeer(record);
        const client = { attachment, hello, codec, record, lease, leave };
        return known ? this.#resume(client, known) : this.#greet(client);
      }),
      catchError((error: unknown) => {
        leave();
        attachment.close(...closeOf(error));
        this.#options.onRefused(error);
        return EMPTY;
      }),
    );
  }

  /**
   * Opens the outbox of a client that has confirmed a welcome before, and begins its session. That
   * ends its session at another server.
   */
  #resume(client: AdmittedClient, known: PeerRecord): Observable<AnyWire> {
    const { hello, attachment } = client;
    const { pid, epoch, n } = hello;
    const store = this.#storeOf(pid, attachment);
    return asObservable(() => store.open({ epoch, n })).pipe(
      catchError((error: unknown) => {
        closeStore(store);
        throw storeErrorOf('outbox', error);
      }),
      mergeMap((contents) => {
        const peer = createPeer(known, contents.ticket?.sid === known.sid, attachment.principal);
        return this.#start(client, randomName(), { peer, store, contents });
      }),
    );
  }

  /**
   * Sends the welcome to a new client, and begins its session when the client has answered. Until
   * then the server stores nothing, makes no wire, and keeps no more than the entry; after the end
   * of the connection, no more than the peer. With an inbox, the client may send numbered messages
   * when its record is stored: another server that it reaches earlier does not know what has
   * happened to them.
   */
  #greet(client: AdmittedClient): Observable<AnyWire> {
    const { attachment, hello, codec, record, leave } = client;
    const { pid } = hello;
    const { principal } = attachment;
    const isShared = this.#options.inbox !== undefined;
    const peer = this.#unconfirmed.take(pid, hello, principal) ?? createPeer(undefined, false, principal, isShared);
    const entry: UnconfirmedEntry = {
      peer,
      codec: codec.name,
      attachment,
      leave: () => {
        this.#unconfirmed.keep(pid, peer, groupOf(principal?.id, attachment.address));
        leave();
      },
    };
    if (!this.#isRefused(attachment, hello, peer, codec.name)) {
      const id = randomName();
      const greeting = peer.greet(hello);
      const terms = { id, rx: record?.cursor.done ?? 0, codec, principal, window: isShared ? 0 : undefined };
      const frame = controlFrame('welcome', welcomeOf(hello, greeting, terms, this.#options));
      this.#entries.set(pid, entry);
      attachment.send(frame);
      const isMine = (): boolean => this.#entries.get(pid) === entry;
      const proceed$ = defer(() => {
        attachment.proceed();
        return EMPTY;
      });
      return attachment.answered().pipe(
        takeUntil(attachment.left()),
        filter(isMine),
        // The application has the wire before a frame of the client can fail.
        mergeMap(() =>
          concat(
            from(
              this.#start(client, id, { peer, store: this.#storeOf(pid, attachment), contents: undefined, welcome: { greeting, frame } }),
            ),
            proceed$,
          ),
        ),
        // Before the error is handled: the welcome counts when the client returns.
        tap({ error: () => isMine() && entry.leave() }),
        finalize(() => {
          if (isMine()) entry.leave();
        }),
      );
    }
    entry.leave();
    return EMPTY;
  }

  /** Begins the session of a client. @param id Names the wire. */
  #start(
    { attachment, hello: { pid, delivery }, codec, record, lease, leave }: AdmittedClient,
    id: string,
    { store, contents, ...rest }: Pick<NewClient, 'peer' | 'welcome'> & Pick<NewClient['stored'], 'store' | 'contents'>,
  ): readonly AnyWire[] {
    const transport = new SessionTransport(attachment, true, this.#options);
    const entry: SessionEntry = { peer: rest.peer, codec: codec.name, lease, transport, session: undefined };
    this.#entries.set(pid, entry);
    const client: NewClient = { pid, delivery, codec, stored: { record, lease, store, contents }, transport, ...rest };
    const wire = new PrincipalWire(new SessionWireSetup(id, entry, client, this.#shared, leave), transport, pid);
    const { failure } = transport;
    if (failure === undefined) return [wire];
    // Its stores have failed before it could be emitted.
    this.#options.onRefused(failure);
    return [];
  }

  /**
   * Continues a session over another connection. Another server may have claimed the client since
   * the last connection: then the session ends, and another begins with the stored state.
   */
  #goOn(attachment: IncomingConnection, hello: Hello, entry: SessionEntry): Observable<AnyWire> {
    const { pid } = hello;
    const isMine = (): boolean => this.#entries.get(pid) === entry;
    const proceed = (isLost: boolean): Observable<AnyWire> => {
      if (isLost && isMine()) entry.transport.vacate(new StoreError('inbox', 'fenced'));
      // A session that ended after it had renewed its claim leaves a claim that refuses this hello,
      // but not a later one.
      if (isLost && !this.#entries.has(pid)) return this.#begin(attachment, hello);
      if (isLost || !isMine())
        this.#refuse(attachment, CloseCode.TRY_AGAIN_LATER, new UnsupportedError('an earlier session of this client has not ended yet'));
      else if (!this.#isRefused(attachment, hello, entry.peer, entry.codec)) entry.transport.takeOver(attachment);
      return EMPTY;
    };
    return renewClaim(this.#options.inbox, attachment, hello, entry).pipe(
      catchError((error: unknown) => this.#refuse(attachment, CloseCode.INTERNAL_ERROR, storeErrorOf('inbox', error))),
      mergeMap(proceed),
    );
  }

  #refuse(attachment: IncomingConnection, code: CloseCode, error: unknown): [] {
    const { reason, text = '' } = Object(error) as Partial<UnsupportedError>;
    attachment.close(code, reason ?? text);
    this.#options.onRefused(error);
    return [];
  }

  /** @param codec The name of the codec of the session. */
  #isRefused(attachment: IncomingConnection, hello: Hello, peer: Peer, codec: string): boolean {
    const isOffered = hello.codecs.includes(codec);
    const code = isOffered ? peer.refusal(hello, attachment.principal) : CloseCode.UNSUPPORTED_DATA;
    if (code !== undefined) this.#refuse(attachment, code, isOffered ? refusedHello(code) : noCodec());
    return code !== undefined;
  }

  /** @throws {CallbackError} When `outbox` throws. */
  #storeOf(pid: string, { principal, address }: IncomingConnection): OutboxCalls {
    try {
      const store = this.#options.outbox?.(pid, groupOf(principal?.id, address));
      return store ? outboxCalls(store) : IN_MEMORY;
    } catch (cause) {
      throw new CallbackError('outbox', cause);
    }
  }

  #sessions(): readonly ServerSession[] {
    return [...this.#entries.values()].flatMap((entry) => (entry && 'session' in entry ? (entry.session ?? []) : []));
  }

  #closeUnconfirmed(code: CloseCode): void {
    for (const entry of [...this.#entries.values()]) if (entry && 'attachment' in entry) entry.attachment.close(code, STOPS);
  }
}

function noCodec(): UnsupportedError {
  return new UnsupportedError('client and server have no codec in common');
}

function refusedHello(code: CloseCode): UnsupportedError {
  return new UnsupportedError(`the hello was refused with close code ${code}`);
}

/** Returns the first codec of the client that the server supports. */
function agreedCodec({ codecs: offered }: Hello, codecs: readonly Codec[]): Codec | undefined {
  return offered.flatMap((name) => codecs.find((codec) => codec.name === name) ?? [])[0];
}
