import { Subscription } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import type { Frame } from '../../link/link.js';
import type { Delivery, Message } from '../../message/types.js';
import { DrainTimeoutError, ProtocolError } from '../../errors.js';
import { createNegotiatedCodec } from '../../session/codecNegotiation.js';
import type { Connection } from '../../session/connection.js';
import { durable, type Durable } from '../../session/durability.js';
import { Endpoint } from '../../session/endpoint.js';
import { DEFAULTS } from '../../session/endpointOptions.js';
import type { Silence } from '../../session/heartbeat.js';
import { drainAndClose, giveUp, waitIn } from '../../session/lifecycle.js';
import { controlFrame } from '../../session/protocol/frames.js';
import { credential } from '../../session/protocol/handshake.js';
import type { Report } from '../../session/sessionEvents.js';
import type { Cursor, InboxLease, InboxRecord } from '../../session/store/inbox.js';
import type { FrameContents, OutboxCalls } from '../../session/store/outboxCalls.js';
import type { WireParts } from '../../wire/wire.js';
import type { ServeOptions } from '../serverOptions.js';
import type { WiresOptions } from '../serverOptions.js';
import type { SharedBucket } from '../limits/rateLimit.js';
import { ackDelayOf, type FanOut } from './fanOut.js';
import { HandshakeResponder } from './handshakeResponder.js';
import type { Checked, KeepaliveTimer } from './keepaliveTimer.js';
import type { Greeting, Peer } from './resumption.js';
import type { SessionTransport } from './transport.js';
import type { Drained } from './drain.js';
import { createReauthentication, type Reauthentication } from './reauthentication.js';
import { batchesOf, type Snapshot } from './snapshot.js';
import { pongFor } from './systemMessages.js';
import { createThrottle, type Throttle } from '../limits/throttle.js';

/** The options of all sessions of a server. */
export interface ServerSessionOptions extends WiresOptions, Required<Pick<ServeOptions, 'hibernateAfter'>> {
  readonly keepalive: KeepaliveTimer;
  /** Lets sessions that hibernate send together what is sent to them in one go. */
  readonly fanOut: FanOut;
}

/** The stored state of a client. */
export interface StoredClient {
  readonly record: InboxRecord | undefined;
  /** The lease on the record; `undefined` without an inbox. */
  readonly lease: InboxLease | undefined;
  readonly store: OutboxCalls;
  /** `undefined` for a new client: its outbox is opened when it has confirmed the welcome. */
  readonly contents: FrameContents | undefined;
}

/** The state of a client when its session begins. */
export interface NewClient {
  readonly pid: string;
  readonly delivery: Delivery;
  readonly codec: Codec;
  readonly stored: StoredClient;
  readonly peer: Peer;
  readonly transport: SessionTransport;
  /**
   * The welcome that a new client has answered; `undefined` for a client whose session sends the
   * welcome.
   */
  readonly welcome?: SentWelcome | undefined;
}

/** A welcome that was sent before the session began. */
export interface SentWelcome {
  readonly greeting: Greeting;
  readonly frame: Frame;
}

/** The part of a session that remains in memory while the session hibernates. */
export interface SessionOwner extends Checked {
  readonly client: Omit<NewClient, 'stored' | 'welcome'> & Pick<StoredClient, 'store' | 'lease'>;
  /** Names the wire. */
  readonly id: string;
  readonly options: ServerSessionOptions;
  readonly parts: WireParts;
  readonly bucket: SharedBucket | undefined;
  readonly report: Report;
  /** Delivers a message of the client to the application. */
  readonly emit: (message: Message) => void;
  /** Ends the session: the wire completes, and the reason is reported. */
  readonly failed: (error: unknown) => void;
  ended(): void;
  /** Sends a frame over the connection in use. */
  send(frame: Frame): void;
  /** Tries to hibernate in a moment. */
  settle(isNew?: boolean): void;
}

/** The state with which a session begins, or wakes up. */
export interface SessionStart {
  /** The contents of the outbox, if the session is new, and has stored messages. */
  readonly contents?: FrameContents | undefined;
  readonly cursor?: Cursor | undefined;
  /** Present when the session wakes up. */
  readonly snapshot?: Snapshot | undefined;
  /** The answer to the hello, if it was sent before the session began. */
  readonly greeting?: Greeting | undefined;
}

/** The parts of a session that it has only while it is awake. */
export class AwakeSession implements Drained {
  readonly endpoint: Endpoint;
  /** Ends when the session hibernates or ends. */
  readonly life = new Subscription();
  readonly #session: SessionOwner;
  readonly #handshake: HandshakeResponder;
  readonly #reauthentication: Reauthentication;
  readonly #throttle: Throttle | undefined;
  /** The frames of the endpoint for the current connection. */
  #sending = Subscription.EMPTY;
  #connection: Connection | undefined;
  /** Set while the endpoint takes over a connection whose handshake is complete. */
  #goesOn: { readonly snapshot: Snapshot; readonly silence: Silence } | undefined;
  /**
   * Whether the server has sent a bye, and whether the client has answered. The client answers
   * after its last message.
   */
  #isByeSent = false;
  #isByeAnswered = false;
  #isDraining = false;

  constructor(session: SessionOwner, { contents, cursor, snapshot, greeting }: SessionStart) {
    const { client, options, id, parts } = session;
    const { pid, delivery, codec: own, store, lease, peer, transport } = client;
    const { scheduler, inbox } = options;
    this.#session = session;
    const wait = waitIn(this.life);
    const codec = createNegotiatedCodec([own, ...options.codecs.filter((one) => one !== own)]);
    const attachment = () => transport.latest;
    const onAgreed = (): void => session.settle(true);
    const settings = { ...options, id, delivery, isWatched: parts.isWatched, report: parts.report, keep: parts.keep };
    this.#handshake = new HandshakeResponder(
      { lease, peer, codec, agreed: own.name, store, greeting, attachment, onAgreed, wait, fail: session.failed },
      settings,
    );
    this.#reauthentication = createReauthentication(attachment, wait, scheduler);
    this.#throttle = this.#createThrottle(cursor?.done ?? 0);
    this.endpoint = new Endpoint(
      {
        codec,
        store,
        wait,
        pid: () => pid,
        life: this.life,
        sends: 'to-client',
        emit: session.emit,
        ...(options.system.pong && {
          onPing: (message, isNumbered) => this.#answer(message, isNumbered),
        }),
        fail: session.failed,
        durability: store.isDurable || store.faults$ || inbox ? (durable as Durable) : undefined,
        source: () => transport.latest.hello().id,
        ackDelayOf: (messages) => ackDelayOf(messages, options.ackDelay ?? DEFAULTS.ackDelay),
        recorded: () => this.#handshake.recorded(),
        onOpen: (connection) => this.#opened(connection),
        onEarly: (connection) => this.#handshake.agree(connection, this.endpoint),
        onHandshake: ({ kind, value }, connection) => {
          if (kind === 'auth' && connection.isAgreed) this.#reauthentication.renew(credential(value), connection);
          else if (kind === 'bye' && this.#isByeSent) this.#isByeAnswered = true;
          else if (kind !== 'hello') throw new ProtocolError(`unexpected frame: ${kind}`);
          else this.#handshake.readHello();
        },
        ...(this.#throttle && { ackable: this.#throttle.ackable, admit: this.#throttle.admit }),
      },
      settings,
    );
    this.endpoint.begin(cursor, lease);
    if (snapshot) this.endpoint.sender.target.limit(snapshot.limits);
    if (snapshot) this.endpoint.sender.adopt(snapshot.acked, snapshot.sent, snapshot.marked, batchesOf(snapshot));
    else if (contents) this.endpoint.sender.begin(contents, () => this.#handshake.outboxRead());
    if (snapshot) this.#handshake.outboxRead();
  }

  /** Uses the connection of the transport. */
  connect(): void {
    const { transport } = this.#session.client;
    this.#sending = this.endpoint.toPeer$.subscribe({
      next: (frame) => this.#session.send(frame),
      error: (error: unknown) => transport.fail(error),
      complete: () => transport.finish(),
    });
  }

  disconnect(): void {
    this.#sending.unsubscribe();
  }

  /** Continues over the connection that the session used while it hibernated. */
  goOn(snapshot: Snapshot, silence: Silence): void {
    this.#handshake.readHello();
    this.#goesOn = { snapshot, silence };
    this.connect();
  }

  /** Returns whether this part of the session has nothing to do. */
  isIdle(): boolean {
    return !this.#isDraining && !this.#isByeSent && this.isHere() && this.#reauthentication.isIdle() && this.#throttle?.isIdle() !== false;
  }

  reached() {
    const { sender, receiver } = this.endpoint;
    const { acked, sent } = sender.inFlight;
    // A throttled client makes progress only by the numbers that the server acks, also when it
    // skips numbers.
    return { rx: this.#throttle?.acked() ?? receiver.rx, acked, sent, unread: this.endpoint.unread() };
  }

  bye(retryAfter: number): void {
    this.#isByeSent = true;
    if (this.isHere()) this.#connection?.send(controlFrame('bye', retryAfter));
    this.#throttle?.release();
  }

  isDrained(): boolean {
    const { receiver, sender } = this.endpoint;
    return !this.isHere() || (this.#isByeAnswered && sender.pending.byId.size === 0 && receiver.rx === receiver.tracker.done);
  }

  leave(): void {
    this.#session.client.transport.vacate();
  }

  giveUp(timeout: number): void {
    const left = giveUp(this.endpoint);
    if (left) this.#session.report({ kind: 'error', error: new DrainTimeoutError(left, timeout) });
  }

  /** Sends the remaining messages, then closes the connection and ends the session. */
  drain(): void {
    this.#isDraining = true;
    const { failed, options, report } = this.#session;
    const onTimeout = (error: DrainTimeoutError): void => report({ kind: 'error', error });
    this.life.add(drainAndClose(this.endpoint, options, onTimeout).subscribe({ error: failed, complete: () => this.#session.ended() }));
  }

  end(): void {
    // The client does not send messages again when it has received their delayed ack.
    this.endpoint.flushAcks();
    this.#sending.unsubscribe();
    this.endpoint.sender.abandon();
    this.life.unsubscribe();
  }

  /**
   * Ends as the session hibernates. The messages in flight are in its snapshot. Returns how long
   * the client has been silent.
   */
  hibernate(): Silence {
    const { silence } = this.#connection as Connection;
    this.#sending.unsubscribe();
    this.life.unsubscribe();
    return silence;
  }

  /** Answers a ping, as it was sent: with or without a number. */
  #answer(message: Message, isNumbered: boolean): void {
    const pong = this.#isDraining ? undefined : pongFor(message, this.#session.options.scheduler);
    if (!pong) return;
    this.#session.parts.traffic.messagesSent++;
    this.endpoint.send(isNumbered ? pong : { ...pong, delivery: 'at-most-once' });
  }

  /** Returns whether the client is connected and the handshake is complete. */
  isHere(): boolean {
    return this.#connection?.isAgreed === true && this.endpoint.isCurrent(this.#connection);
  }

  #opened(connection: Connection): void {
    this.#connection = connection;
    const goesOn = this.#goesOn;
    this.#goesOn = undefined;
    if (!goesOn) {
      this.#handshake.greet(connection, this.endpoint);
      return;
    }
    // Both sides have agreed before.
    const { sent, allowance, lazyAcks, rejections } = goesOn.snapshot;
    this.endpoint.hasLazyAcks = lazyAcks;
    // The rejections until now were sent over this connection, before the session hibernated.
    this.endpoint.rejections.isSupported = rejections;
    connection.isWelcome = true;
    connection.agree(this.#session.options.pingInterval, goesOn.silence);
    this.endpoint.sender.attach(this.endpoint, sent, allowance, rejections);
  }

  #createThrottle(acked: number): Throttle | undefined {
    const { bucket, options, report } = this.#session;
    const { rates, scheduler } = options;
    if (!rates || !bucket) return undefined;
    return createThrottle(acked, { rates, bucket, life: this.life, scheduler, report, onTime: () => this.endpoint.acknowledge() });
  }
}
