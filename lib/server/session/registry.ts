import { catchError, EMPTY, map, mergeMap, Observable, type SchedulerLike } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import { UnsupportedError } from '../../errors.js';
import { asObservable } from '../../internal/maybeAsync.js';
import { CloseCode } from '../../link/closeCode.js';
import type { Link } from '../../link/link.js';
import type { Delivery, Message } from '../../message/types.js';
import type { Hello } from '../../session/protocol/handshake.js';
import type { DeadLetterStore } from '../../session/store/deadLetterStore.js';
import { inMemory } from '../../session/store/memoryOutbox.js';
import type { OutboxStore } from '../../session/store/outboxStore.js';
import type { WireParts, WireSetup } from '../../wire/wire.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { PrincipalWire, type AnyWire } from '../principal.js';
import { randomName } from '../randomName.js';
import type { Drained } from './drain.js';
import { createKeepaliveTimer } from './keepaliveTimer.js';
import { createPeer, parsePeerRecord, type Peer } from './resumption.js';
import type { NewClient, ServerSessionOptions, StoredClient } from './awakeSession.js';
import { FanOut } from './fanOut.js';
import { ServerSession } from './serverSession.js';
import { SessionTransport } from './transport.js';

export interface RegistryOptions extends Omit<ServerSessionOptions, 'keepalive' | 'fanOut'> {
  /** Where messages to a client are stored until they are acked. */
  readonly outbox?: (pid: string) => OutboxStore;
  /** Called with the reason why a client was refused. */
  readonly onRefused: (error: unknown) => void;
}

/** A client that has a session in this process. */
interface SessionEntry {
  readonly peer: Peer;
  readonly transport: SessionTransport;
  /** The session, once it has begun. */
  session: ServerSession | undefined;
}

/** Creates the registry of the sessions of a server, by the names of the clients' outboxes. */
export function createRegistry(options: RegistryOptions) {
  /** An entry is `undefined` while the server reads the stored state of the client. */
  const entries = new Map<string, SessionEntry | undefined>();
  const shared: ServerSessionOptions = {
    ...options,
    keepalive: createKeepaliveTimer(options.pingInterval, options.scheduler, options.hibernateAfter),
    fanOut: new FanOut(options.microtask),
  };
  const refuse = (attachment: IncomingConnection, code: CloseCode, error: unknown): [] => {
    const { reason, message } = Object(error) as Partial<UnsupportedError>;
    attachment.close(code, reason ?? message ?? '');
    options.onRefused(error);
    return [];
  };
  const isRefused = (attachment: IncomingConnection, hello: Hello, peer: Peer): boolean => {
    const code = peer.refusal(hello, attachment.principal);
    if (code === undefined) return false;
    refuse(attachment, code, new UnsupportedError(`the hello was refused with close code ${code}`));
    return true;
  };
  /** @param leave Removes the client from the registry and from the quota. */
  const accept = (attachment: IncomingConnection, hello: Hello, stored: StoredClient, leave: () => void): AnyWire[] => {
    const peer = peerOf(stored, attachment);
    const codec = agreedCodec(hello, options.codecs);
    if (codec && !isRefused(attachment, hello, peer)) {
      const entry: SessionEntry = { peer, transport: new SessionTransport(attachment, true, options), session: undefined };
      entries.set(hello.pid, entry);
      const { pid, delivery } = hello;
      const setup = new SessionWireSetup(entry, { pid, delivery, codec, stored, peer, transport: entry.transport }, shared, leave);
      return [new PrincipalWire(setup, () => entry.transport.latest.principal)];
    }
    leave();
    stored.store.close();
    return codec ? [] : refuse(attachment, CloseCode.UNSUPPORTED_DATA, new UnsupportedError('client and server have no codec in common'));
  };
  const load = ({ pid }: Hello): Observable<StoredClient> => {
    const { inbox, outbox = () => inMemory } = options;
    const store = outbox(pid);
    return asObservable(() => inbox?.load(pid)).pipe(
      mergeMap((record) => asObservable(() => store.open()).pipe(map((contents) => ({ record, store, contents })))),
    );
  };
  const begin = (attachment: IncomingConnection, hello: Hello): Observable<AnyWire> => {
    const giveUp = options.quota.take(attachment.principal?.id);
    const leave = (): void => {
      entries.delete(hello.pid);
      giveUp();
    };
    entries.set(hello.pid, undefined);
    return load(hello).pipe(
      mergeMap((stored) => accept(attachment, hello, stored, leave)),
      catchError((error: unknown) => {
        leave();
        return refuse(attachment, CloseCode.INTERNAL_ERROR, error);
      }),
    );
  };

  return {
    /**
     * Emits the wire of a new client. Completes without a wire when the client has one already, or is refused.
     *
     * @throws {RxwireError} When the principal has too many wires.
     */
    admit(attachment: IncomingConnection): Observable<AnyWire> {
      const hello = attachment.hello();
      const entry = entries.get(hello.pid);
      if (!entries.has(hello.pid)) return begin(attachment, hello);
      if (!entry)
        refuse(attachment, CloseCode.TRY_AGAIN_LATER, new UnsupportedError('unexpected hello: the server still handles an earlier one'));
      else if (!isRefused(attachment, hello, entry.peer)) entry.transport.takeOver(attachment);
      return EMPTY;
    },
    /** Sends a message to each connected client at once, also when its session hibernates. */
    announce(message: Message): void {
      for (const entry of entries.values()) entry?.session?.announce(message);
      shared.fanOut.flush();
    },
    /** Wakes all sessions up, and returns them. */
    sessions: (): readonly Drained[] => [...entries.values()].flatMap((entry) => entry?.session?.wake() ?? []),
    /** Ends all sessions with close code 1001: the clients may connect to another server. */
    close: (): void => {
      for (const entry of [...entries.values()]) entry?.transport.vacate();
    },
  };
}

/** Returns the stored peer, or a new one. */
function peerOf({ record, contents: { ticket } }: StoredClient, { principal }: IncomingConnection): Peer {
  const known = parsePeerRecord(record?.session);
  return createPeer(known, ticket !== undefined && ticket.sid === known?.sid, principal);
}

/** Returns the first codec of the client that the server supports. */
function agreedCodec({ codecs: offered }: Hello, codecs: readonly Codec[]): Codec | undefined {
  return offered.flatMap((name) => codecs.find((codec) => codec.name === name) ?? [])[0];
}

/** Makes the wire of a client. */
class SessionWireSetup implements WireSetup {
  readonly id = randomName();
  readonly delivery: Delivery;
  readonly #entry: SessionEntry;
  readonly #options: ServerSessionOptions;
  readonly #onEnded: () => void;
  /** The client, until its session has begun: later the setup does not need it, and it takes memory. */
  #client: NewClient | undefined;

  constructor(entry: SessionEntry, client: NewClient, options: ServerSessionOptions, onEnded: () => void) {
    this.delivery = client.delivery;
    this.#entry = entry;
    this.#options = options;
    this.#onEnded = onEnded;
    this.#client = client;
  }

  get endpoint(): string {
    return this.#options.endpoint;
  }

  get deadLetters(): DeadLetterStore {
    return this.#options.letters;
  }

  get scheduler(): SchedulerLike {
    return this.#options.scheduler;
  }

  get microtask(): SchedulerLike | undefined {
    return this.#options.microtask;
  }

  protocol(): string {
    return this.#entry.transport.latest.protocol;
  }

  open(parts: WireParts): Link<Message> {
    return (outgoing) =>
      new Observable((to) => {
        const client = this.#client;
        this.#client = undefined;
        if (!client) return;
        const session = new ServerSession(to, client, parts, this.id, this.#options, this.#onEnded);
        this.#entry.session = session;
        session.begin(outgoing);
      });
  }
}
