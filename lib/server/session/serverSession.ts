import { Subscription, type Observable, type Observer, type Subscriber, type Unsubscribable } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import type { Frame } from '../../link/link.js';
import type { Message } from '../../message/types.js';
import { DEFAULTS } from '../../session/endpointOptions.js';
import { countFrame as pass } from '../../session/connection.js';
import { mustAsk, note, type Silence } from '../../session/heartbeat.js';
import { batchFrame, controlFrame, MAX_BATCH, withAck } from '../../session/protocol/frames.js';
import { isNumbered } from '../../session/send/inFlight.js';
import type { OutgoingMessages, SessionEvent } from '../../session/sessionEvents.js';
import type { InboxRecord } from '../../session/store/inbox.js';
import type { OutboxContents } from '../../session/store/outboxStore.js';
import type { WireParts } from '../../wire/wire.js';
import type { Progress as Moved } from '../limits/floodGuard.js';
import type { SharedBucket } from '../limits/rateLimit.js';
import { AwakeSession, type NewClient, type ServerSessionOptions, type SessionOwner } from './awakeSession.js';
import { addBatch, answer, hasRoom, isUnacked, snapshotOf, type Snapshot } from './snapshot.js';
import type { TransportUser } from './transport.js';

/** How long the ack of a message of a channel may wait, in ms: a member that has missed one is sent it again by its position. */
const CHANNEL_ACK_DELAY = 5_000;

/** Tells the wire where a message is while its session hibernates. */
class HibernationView implements OutgoingMessages {
  readonly kind = 'begun';

  constructor(private readonly session: ServerSession) {}

  isOpen(id: string): boolean {
    return this.session.isOpen(id);
  }

  isSent(id: string): boolean {
    return this.session.isSent(id);
  }
}

/**
 * The session of one client. It hibernates while it has nothing to do: then only a {@link Snapshot} is kept of it. The client finds no difference: the session
 * answers pings, and sends messages by itself. It wakes up when a frame or a message needs more than that, and when its client returns.
 *
 * That a session ends is no failure of the server: the wire completes, and the reason is reported in its `errors$`.
 */
export class ServerSession implements SessionOwner, Silence, TransportUser, Observer<Message>, Unsubscribable {
  part = 0;
  quiet = 0;
  hasAsked = false;
  #isHeard = false;
  #isConnected = false;
  /** Whether the application has subscribed to the wire. */
  #isSubscribed = false;
  /** Whether the session will try to hibernate. */
  #isSettling = false;
  #awake: AwakeSession | undefined;
  #snapshot: Snapshot | undefined;
  /** The messages that are sent at the end of the microtask, while the session hibernates. */
  #queued: Message[] | undefined;
  /** What was stored, until the session has begun. */
  #contents: OutboxContents | undefined;
  readonly client: SessionOwner['client'];
  readonly id: string;
  readonly options: ServerSessionOptions;
  readonly parts: WireParts;
  readonly bucket: SharedBucket | undefined;
  readonly #to: Subscriber<Message>;
  readonly #onEnded: () => void;

  constructor(
    to: Subscriber<Message>,
    { pid, delivery, codec, stored, peer, transport }: NewClient,
    parts: WireParts,
    id: string,
    options: ServerSessionOptions,
    onEnded: () => void,
  ) {
    this.client = { pid, delivery, codec, store: stored.store, peer, transport };
    this.id = id;
    this.options = options;
    this.parts = parts;
    this.bucket = options.rates?.enter(transport.owner);
    this.#to = to;
    this.#onEnded = onEnded;
    this.#contents = stored.contents;
    this.#wake(stored.record?.cursor);
  }

  /** The session, awake. */
  wake(): AwakeSession {
    return this.#awake ?? this.#wake(this.#snapshot?.cursor);
  }

  /** Subscribes to what the application sends. */
  begin(outgoing: Observable<Message>): void {
    this.#to.add(this);
    this.client.transport.use(this);
    this.#to.add(outgoing.subscribe(this));
  }

  /** Sends a message of the application. */
  next(message: Message): void {
    if (this.#awake) this.#awake.endpoint.send(message);
    else if (!this.#queue(message)) this.wake().endpoint.send(message);
  }

  error(error: unknown): void {
    this.failed(error);
  }

  /** Sends what is still to be sent, then ends. */
  complete(): void {
    this.wake().drain();
  }

  /** Hands a message of the client to the application. */
  readonly emit = (message: Message): void => this.#to.next(message);

  /** Ends the session: the wire completes. */
  readonly failed = (error: unknown): void => {
    this.report({ kind: 'error', error });
    this.#to.complete();
  };

  ended(): void {
    this.#to.complete();
  }

  /** Takes a frame of the client. */
  receive(frame: Frame): void {
    pass(this.parts.traffic, 'bytesReceived', frame, this.options.scheduler);
    if (this.#awake) this.#awake.endpoint.receive(frame);
    else if (!this.#answer(frame)) {
      this.#isHeard = true;
      this.wake().endpoint.receive(frame);
    }
  }

  send(frame: Frame): void {
    pass(this.parts.traffic, 'bytesSent', frame, this.options.scheduler);
    this.client.transport.send(frame);
  }

  connected(): void {
    // Awake before that: only over the connection that it had while it hibernated a session goes on without a handshake.
    const awake = this.wake();
    this.#isConnected = true;
    awake.connect();
  }

  disconnected(): void {
    this.#isConnected = false;
    this.options.keepalive.remove(this);
    this.#awake?.disconnect();
  }

  readonly report = (event: SessionEvent): void => this.parts.report(event);

  /** Returns how far the session has got, see {@link Moved}. */
  moved(): Moved {
    const { window = DEFAULTS.window } = this.options;
    // A message without a number may wait for the first subscriber, and each one that finds no room to wait is an error.
    const { messagesReceived, errors } = this.parts.traffic;
    const { rx, acked, sent, unread } = this.#awake?.reached() ?? this.#reached();
    return { steps: messagesReceived + errors + rx + 2 * acked, open: sent - acked + unread + window };
  }

  /** Ends all of it. */
  unsubscribe(): void {
    this.options.keepalive.remove(this);
    // What is not acked has its outcome now.
    if (this.#snapshot?.batches || this.#queued) this.wake();
    this.#awake?.end();
    this.client.store.close();
    this.bucket?.leave();
    this.#onEnded();
    this.client.transport.leave();
  }

  /** Checks whether the client was heard, while the session hibernates. */
  check(isLate: boolean): void {
    const snapshot = this.#snapshot;
    if (!snapshot) return;
    note(this, this.#isHeard);
    this.#isHeard = false;
    const isStuck = snapshot.sent > snapshot.acked && snapshot.acked === snapshot.checked;
    snapshot.checked = snapshot.acked;
    try {
      if (mustAsk(this, isLate, this.options.pingInterval) || isStuck) this.send(controlFrame('ping', snapshot.sent));
    } catch (error) {
      this.client.transport.fail(error);
    }
  }

  /** Hibernates, if there is nothing to do. @param quiet How many checks in a row have heard nothing. */
  hibernate(quiet = 0): void {
    this.#isSettling = false;
    const endpoint = this.#awake?.isIdle() ? this.#awake.endpoint : undefined;
    const snapshot = endpoint && snapshotOf(endpoint);
    if (!snapshot) {
      this.#settle();
      return;
    }
    this.#awake?.end();
    this.#awake = undefined;
    this.#snapshot = snapshot;
    this.quiet = quiet;
    this.hasAsked = false;
    this.#isHeard = quiet === 0;
    this.report(new HibernationView(this));
    this.options.keepalive.add(this, this.#isHeard);
  }

  /** Whether a message that is sent while the session hibernates has no outcome yet. */
  isOpen(id: string): boolean {
    return this.isSent(id) || this.#queued?.some((message) => message.id === id) === true;
  }

  isSent(id: string): boolean {
    return this.#snapshot !== undefined && isUnacked(this.#snapshot, id);
  }

  /** Sends what was sent to the session in one go, while it hibernates. */
  flush(): void {
    const messages = this.#queued;
    if (!messages) return;
    if (!this.#snapshot || !this.#sendBatch(messages, this.#snapshot)) this.wake();
    else this.#queued = undefined;
  }

  /** Takes a message that the session can send while it hibernates. Returns false when it must wake up. */
  #queue(message: Message): boolean {
    if (!this.#isConnected || message.ttl !== undefined || this.client.store.isDurable || this.parts.isWatched()) return false;
    if (this.#queued) this.#queued.push(message);
    else {
      this.#queued = [message];
      this.options.fanOut.add(this);
    }
    return true;
  }

  /** Sends messages as one batch. Returns false when the session must wake up for that. */
  #sendBatch(messages: readonly Message[], snapshot: Snapshot): boolean {
    const { codec, delivery } = this.client;
    const level = messages[0]?.delivery ?? delivery;
    if (!this.#isConnected || messages.length > MAX_BATCH || messages.some((message) => (message.delivery ?? delivery) !== level))
      return false;
    if (codec.isSealed || this.parts.isWatched()) return false;
    let body: ReturnType<Codec['encode']>;
    try {
      body = codec.encode(messages);
    } catch {
      // The endpoint will find the message that cannot be encoded.
      return false;
    }
    if (typeof body !== 'string' && !(body instanceof Uint8Array)) return false;
    const { maxFrame = DEFAULTS.maxFrame, window = DEFAULTS.window, scheduler } = this.options;
    if (body.length * 3 > maxFrame) return false;
    if (!isNumbered(level)) {
      this.send(batchFrame(0, messages.length, body));
      return true;
    }
    const frame = batchFrame(snapshot.sent + 1, messages.length, body);
    if (!hasRoom(snapshot, this.client.store, messages.length, frame.length)) return false;
    addBatch(snapshot, frame, messages, level, scheduler);
    const isChannel = messages.every(({ type }) => type === 'channel.message');
    const { ackDelay = DEFAULTS.ackDelay } = this.options;
    const wait = 4 * (snapshot.sent - snapshot.acked) > snapshot.allowance.window ? 0 : isChannel ? CHANNEL_ACK_DELAY : ackDelay;
    this.send(snapshot.lazyAcks ? withAck(frame, snapshot.cursor.done, window, wait, 0) : frame);
    return true;
  }

  /** Answers a frame that tells nothing new, without waking up. */
  #answer(frame: Frame): boolean {
    const snapshot = this.#snapshot;
    // Where receipts have a subscriber, the endpoint reports them.
    if (!snapshot || (snapshot.batches && this.parts.isWatched())) return false;
    const { window = DEFAULTS.window } = this.options;
    const reply = answer(frame, snapshot, window);
    if (reply === undefined) return false;
    this.#isHeard = true;
    if (reply) this.send(reply);
    return true;
  }

  /** Tries to hibernate later, where that is wanted. */
  #settle(): void {
    const { hibernateAfter, keepalive } = this.options;
    if (hibernateAfter === undefined || this.#isSettling || !this.#awake || !this.#isConnected) return;
    this.#isSettling = true;
    keepalive.settle(this);
  }

  #reached() {
    const { acked = 0, sent = 0, cursor } = this.#snapshot ?? {};
    return { rx: cursor?.done ?? 0, acked, sent, unread: 0 };
  }

  #wake(cursor: InboxRecord['cursor'] | undefined): AwakeSession {
    const snapshot = this.#snapshot;
    const queued = this.#queued ?? [];
    this.#snapshot = this.#queued = undefined;
    this.options.keepalive.remove(this);
    const contents = this.#contents ?? { pid: this.client.pid, epoch: 0, acked: snapshot?.acked ?? 0, batches: [] };
    this.#contents = undefined;
    const awake = new AwakeSession(this, contents, cursor, snapshot);
    this.#awake = awake;
    awake.life.add(this.#listen(awake));
    if (snapshot && this.#isConnected) awake.goOn(snapshot, this.#isHeard ? 0 : this.quiet);
    for (const message of queued) awake.endpoint.send(message);
    this.#settle();
    return awake;
  }

  /** Lets messages through once the application has subscribed. */
  #listen({ endpoint }: AwakeSession): Subscription {
    if (this.#isSubscribed) {
      endpoint.held.open();
      return Subscription.EMPTY;
    }
    return this.parts.listening.begun().subscribe((isSubscribed) => {
      if (!isSubscribed || this.#isSubscribed) return;
      this.#isSubscribed = true;
      endpoint.held.open();
    });
  }
}
