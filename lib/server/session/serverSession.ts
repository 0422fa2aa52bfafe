import { Subscription, type Observable, type Observer, type Subscriber, type Unsubscribable } from 'rxjs';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import type { Frame } from '../../link/link.js';
import type { Message } from '../../message/types.js';
import { DEFAULTS } from '../../session/endpointOptions.js';
import { countFrame } from '../../session/connection.js';
import { count, mustPing, noSilence, type Silence } from '../../session/heartbeat.js';
import { batchFrame, controlFrame, withAck } from '../../session/protocol/frames.js';
import { isNumbered } from '../../session/send/inFlight.js';
import { mayAckWait } from '../../session/send/ackWait.js';
import type { OutgoingMessages, SessionEvent } from '../../session/sessionEvents.js';
import { isFenced } from '../../session/store/isFenced.js';
import type { WireParts } from '../../wire/wire.js';
import type { Progress } from '../limits/floodGuard.js';
import type { SharedBucket } from '../limits/rateLimit.js';
import { AwakeSession, type NewClient, type ServerSessionOptions, type SessionOwner, type SessionStart } from './awakeSession.js';
import type { Burst, FanOutMember } from './fanOut.js';
import { addParcel, answer, hasRoom, isUnacked, snapshotOf, unackedMessages, type Snapshot } from './snapshot.js';
import { closeStore, type TransportUser } from './transport.js';

/** Reports the states of messages to the wire while the session hibernates. */
class HibernationView implements OutgoingMessages {
  readonly kind = 'begun';

  constructor(private readonly session: ServerSession) {}

  get pending(): OutgoingMessages['pending'] {
    const { session } = this;
    const all = (): readonly Message[] => [...session.unacked(), ...(session.burst?.messages() ?? [])];
    return {
      get: (id) => all().find((message) => message.id === id),
      has: (id) => session.isOpen(id),
      values: () => all().values(),
    };
  }

  get inFlight(): OutgoingMessages['inFlight'] {
    return { steps: () => [['sent', this.session.unacked()]] };
  }

  queued(): number {
    return 0;
  }

  room(): number {
    return this.session.options.maxQueued ?? DEFAULTS.maxQueued;
  }
}

/**
 * The session of one client. It hibernates while it has nothing to do: then only a {@link Snapshot}
 * is kept of it. The client finds no difference: the session answers pings and sends messages
 * without waking up. It wakes up when a frame or a message needs more than that, and when its
 * client returns.
 *
 * The end of a session is no failure of the server: the wire completes, and reports the reason in
 * its `errors$`.
 */
export class ServerSession implements SessionOwner, FanOutMember, TransportUser, Observer<Message>, Unsubscribable {
  part = 0;
  burst: Burst | undefined;
  #silence: Silence = noSilence(0);
  #isConnected = false;
  /** Whether the application has subscribed to the wire. */
  #isSubscribed = false;
  /**
   * The number of messages received when the session settled last: a session whose client is active
   * stays awake.
   */
  #received = -1;
  #awake: AwakeSession | undefined;
  #snapshot: Snapshot | undefined;
  readonly client: SessionOwner['client'];
  readonly id: string;
  readonly options: ServerSessionOptions;
  readonly parts: WireParts;
  readonly bucket: SharedBucket | undefined;
  readonly #to: Subscriber<Message>;
  readonly #onEnded: () => void;

  constructor(
    to: Subscriber<Message>,
    { pid, delivery, codec, stored, peer, transport, welcome }: NewClient,
    parts: WireParts,
    id: string,
    options: ServerSessionOptions,
    onEnded: () => void,
  ) {
    this.client = { pid, delivery, codec, store: stored.store, lease: stored.lease, peer, transport };
    this.id = id;
    this.options = options;
    this.parts = parts;
    this.bucket = options.rates?.enter(transport.owner);
    this.#to = to;
    this.#onEnded = onEnded;
    if (welcome) countFrame(parts.traffic, 'bytesSent', welcome.frame, options.scheduler.now());
    this.#wake({ contents: stored.contents, cursor: stored.record?.cursor, greeting: welcome?.greeting });
  }

  /** The session, awake. */
  wake(): AwakeSession {
    return this.#awake ?? this.#wake({ snapshot: this.#snapshot, cursor: this.#snapshot?.cursor });
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
    else if (this.#isSent(message.id)) return;
    else if (this.#maySend(message)) this.options.fanOut.add(this, message);
    else this.wake().endpoint.send(message);
  }

  /** Sends a message of the server, if the client is connected. */
  announce(message: Message): void {
    if (!this.#isConnected) return;
    this.parts.traffic.messagesSent++;
    this.next(message);
    this.#awake?.endpoint.sender.flush();
  }

  error(error: unknown): void {
    this.failed(error);
  }

  /** Sends the remaining messages, then ends the session. */
  complete(): void {
    this.wake().drain();
  }

  /** Delivers a message of the client to the application. */
  readonly emit = (message: Message): void => this.#to.next(message);

  /** Ends the session: the wire completes. */
  readonly failed = (error: unknown): void => {
    if (isFenced(error) && this.#awake) this.#awake.endpoint.sender.whenWritten(() => this.#fail(error));
    else this.#fail(error);
  };

  #fail(error: unknown): void {
    const [closeCode, reason] = this.client.transport.endWith(error, this.#awake?.isHere() === true);
    this.report({ kind: 'closed', closeCode, reason });
    this.report({ kind: 'error', error });
    this.#to.complete();
  }

  ended(): void {
    this.#to.complete();
  }

  /** Takes a frame of the client. */
  receive(frame: Frame): void {
    countFrame(this.parts.traffic, 'bytesReceived', frame, this.options.scheduler.now());
    if (this.#awake) this.#awake.endpoint.receive(frame);
    else {
      this.#silence.isHeard = true;
      if (!this.#answer(frame)) this.wake().endpoint.receive(frame);
    }
  }

  send(frame: Frame, now = this.options.scheduler.now()): void {
    countFrame(this.parts.traffic, 'bytesSent', frame, now);
    this.client.transport.send(frame);
  }

  connected(): void {
    // Wakes up first: a session continues without a handshake only over the connection that it used
    // while it hibernated.
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

  /** Returns the progress of the session. */
  moved(): Progress {
    const { window = DEFAULTS.window } = this.options;
    // Messages without numbers may wait for the first subscriber; each that the session drops for
    // lack of room counts as an error.
    const { messagesReceived, errors } = this.parts.traffic;
    const { rx, acked, sent, unread } = this.#awake?.reached() ?? this.#reached();
    return { steps: messagesReceived + errors + rx + 2 * acked, open: sent - acked + unread + window };
  }

  /** Ends the session. */
  unsubscribe(): void {
    this.#isConnected = false;
    this.options.keepalive.remove(this);
    // Waking up gives the unacked messages their outcomes.
    if (this.#snapshot?.parcels || this.burst) this.wake();
    this.#awake?.end();
    closeStore(this.client.store);
    this.bucket?.leave();
    this.#onEnded();
    this.client.transport.leave();
  }

  /** Checks whether the client has sent a frame, while the session hibernates. */
  check(isLate: boolean): void {
    const snapshot = this.#snapshot;
    if (!snapshot) return;
    count(this.#silence, this.options.scheduler.now());
    const isStuck = snapshot.sent > snapshot.acked && snapshot.acked === snapshot.checked;
    snapshot.checked = snapshot.acked;
    try {
      if (mustPing(this.#silence, isLate, this.options.pingInterval) || isStuck) this.send(controlFrame('ping', snapshot.sent));
    } catch (error) {
      this.client.transport.fail(error);
    }
  }

  /**
   * Hibernates, unless the session has something to do, or messages of the client have come since
   * it settled.
   */
  hibernate(): void {
    const awake = this.#awake;
    // An ack that waits goes first. To send it may end the connection.
    if (this.#mayHibernate(awake)) awake.endpoint.flushAcks();
    const snapshot = this.#mayHibernate(awake) ? snapshotOf(awake.endpoint) : undefined;
    if (!snapshot || !awake) {
      this.settle();
      return;
    }
    this.#silence = awake.hibernate();
    this.#awake = undefined;
    this.#snapshot = snapshot;
    this.report(new HibernationView(this));
    this.options.keepalive.add(this, this.#silence.checkedAt);
  }

  #mayHibernate(awake: AwakeSession | undefined): awake is AwakeSession {
    if (!awake?.isIdle() || awake !== this.#awake || !this.#isConnected) return false;
    // Its messages in flight need the endpoint where they are stored, or where receipts report
    // their acks.
    const needsEndpoint = this.client.store.isDurable || this.parts.isWatched();
    return this.#received === this.parts.traffic.messagesReceived && !(needsEndpoint && awake.endpoint.sender.inFlight.bytes > 0);
  }

  /** Tries to hibernate in a moment. */
  settle(isNew = false): void {
    if (!this.#awake || !this.#isConnected) return;
    this.#received = this.parts.traffic.messagesReceived;
    this.options.keepalive.settle(this, isNew);
  }

  /** Whether a message that is sent while the session hibernates has no outcome yet. */
  isOpen(id: string): boolean {
    return this.#isSent(id) || this.burst?.has(id) === true;
  }

  #isSent(id: string): boolean {
    return this.#snapshot !== undefined && isUnacked(this.#snapshot, id);
  }

  /** Returns the messages in flight while the session hibernates. */
  unacked(): readonly Message[] {
    return this.#snapshot ? unackedMessages(this.#snapshot) : [];
  }

  flush(burst: Burst): void {
    if (this.#snapshot && this.#sendBurst(burst, this.#snapshot)) return;
    this.burst = burst;
    this.wake();
  }

  /** Returns whether the session can send a message while it hibernates. */
  #maySend(message: Message): boolean {
    const { isDurable } = this.client.store;
    // The endpoint refuses a message that says that it is encrypted, and is not.
    return this.#isConnected && message.ttl === undefined && !isDurable && !this.parts.isWatched() && !isUnencrypted(message);
  }

  /** Sends messages as one batch. Returns false when the session must wake up for that. */
  #sendBurst(burst: Burst, snapshot: Snapshot): boolean {
    const { codec, delivery, store } = this.client;
    const { maxFrame = DEFAULTS.maxFrame, window = DEFAULTS.window } = this.options;
    const parcel = burst.parcel(codec, delivery, this.options);
    if (!parcel || !this.#isConnected || this.parts.isWatched()) return false;
    const { messages, body, ackDelay, sentAt } = parcel;
    if (!snapshot.isWithin || body.length * 3 > Math.min(maxFrame, snapshot.limits.maxFrame)) return false;
    if (!isNumbered(parcel.delivery)) {
      this.send(batchFrame(0, messages.length, body), sentAt);
      return true;
    }
    if (!hasRoom(snapshot, store, parcel)) return false;
    const frame = batchFrame(snapshot.sent + 1, messages.length, body);
    addParcel(snapshot, parcel);
    const { sent, acked, allowance, cursor, lazyAcks } = snapshot;
    const load = { messages: sent - acked, window: allowance.window, bytes: snapshot.bytes, bytesAllowed: allowance.bytes };
    const wait = mayAckWait(frame.length, load) ? ackDelay : 0;
    this.send(lazyAcks ? withAck(frame, cursor.done, window, wait, 0) : frame, sentAt);
    return true;
  }

  /**
   * Answers a frame without waking up. Returns false when the session must wake up for the frame.
   */
  #answer(frame: Frame): boolean {
    const snapshot = this.#snapshot;
    // When receipts have a subscriber, the endpoint must report the acks.
    if (!snapshot || (snapshot.parcels && this.parts.isWatched())) return false;
    const { window = DEFAULTS.window } = this.options;
    const reply = answer(frame, snapshot, window);
    if (reply === undefined) return false;
    if (snapshot.ackedSentAt !== undefined) {
      this.report({ kind: 'latency', latency: Math.max(0, this.options.scheduler.now() - snapshot.ackedSentAt) });
      snapshot.ackedSentAt = undefined;
    }
    if (reply) this.send(reply);
    return true;
  }

  #reached() {
    const { acked = 0, sent = 0, cursor } = this.#snapshot ?? {};
    return { rx: cursor?.done ?? 0, acked, sent, unread: 0 };
  }

  #wake(start: SessionStart): AwakeSession {
    const { snapshot } = start;
    const messages = this.burst?.messages() ?? [];
    this.#snapshot = undefined;
    this.burst = undefined;
    this.options.keepalive.remove(this);
    const awake = new AwakeSession(this, start);
    this.#awake = awake;
    awake.life.add(this.#listen(awake));
    if (snapshot && this.#isConnected) awake.goOn(snapshot, this.#silence);
    for (const message of messages) awake.endpoint.send(message);
    this.settle();
    return awake;
  }

  /** Releases the held messages when the application subscribes. */
  #listen({ endpoint }: AwakeSession): Subscription {
    if (this.#isSubscribed) {
      endpoint.held.open();
      return Subscription.EMPTY;
    }
    return this.parts.listening.hasSubscribers().subscribe((isSubscribed) => {
      if (!isSubscribed || this.#isSubscribed) return;
      this.#isSubscribed = true;
      endpoint.held.open();
    });
  }
}
