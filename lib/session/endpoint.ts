import { nanoid } from 'nanoid';
import { identity, noop, type Observable, type SchedulerLike } from 'rxjs';
import { MessagesMissedError, ProtocolError, type RxwireError } from '../errors.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';
import { connections, type Connection } from './connection.js';
import { DEFAULTS, type EndpointOptions } from './endpointOptions.js';
import type { Agreement, EndpointParts } from './endpointParts.js';
import { createTurn, type Turn } from './turn.js';
import { ackFrame, controlFrame, WAIT_UNIT, withAck, type BatchFrame, type SessionFrame } from './protocol/frames.js';
import { AckPolicy } from './receive/ackPolicy.js';
import type { AckTracker } from './receive/ackTracker.js';
import { HoldUntilSubscribed, rejectionIn, type DeliverySession, type Outcome } from './receive/delivery.js';
import { FrameReader, type FrameHandler } from './receive/frameReader.js';
import type { InboxCommitter } from './receive/inboxCommitter.js';
import { Receiver } from './receive/receiver.js';
import { RejectionSender } from './receive/rejectionSender.js';
import { setAside } from './receive/undecodable.js';
import { mayAckWait } from './send/ackWait.js';
import type { Batch, BatchTransport } from './send/inFlight.js';
import { Sender } from './send/sender.js';
import type { Report } from './sessionEvents.js';
import type { NumberedRejection } from './store/inbox.js';

/**
 * One side of a session, over one connection after the other. Client and server differ in the
 * handshake only.
 */
export class Endpoint implements DeliverySession, BatchTransport, FrameHandler {
  /** The id of this side. */
  readonly id: string;
  readonly sender: Sender;
  readonly rejections: RejectionSender;
  readonly receiver: Receiver;
  /** Holds messages until the application subscribes. */
  readonly held: HoldUntilSubscribed;
  /** Whether the session has an inbox, to write the effect of a message. */
  readonly canWrite: boolean;
  /** Stores a dead letter; `undefined` if the inbox does. */
  readonly keep: DeliverySession['keep'];
  readonly #parts: EndpointParts;
  readonly #report: Report;
  readonly #acks: AckPolicy;
  readonly #turn: Turn;
  readonly #reader: FrameReader;
  readonly #committer: InboxCommitter | undefined;
  /** The frames for the other side: each subscription is another connection. */
  readonly toPeer$: Observable<Frame>;
  readonly #window: number;
  readonly #scheduler: SchedulerLike;
  readonly #ackDelayOf: (messages: readonly Message[]) => number;
  #connection: Connection | undefined;
  /** Whether the other side reads batches that carry an ack. */
  hasLazyAcks = false;
  #isDraining = false;
  #isOver = false;
  /** Messages without a number that are not processed. */
  #unnumbered = 0;

  constructor(parts: EndpointParts, options: EndpointOptions) {
    const { window = DEFAULTS.window, windowBytes = DEFAULTS.windowBytes, maxFrame = DEFAULTS.maxFrame } = options;
    const { maxBadFrames = DEFAULTS.maxBadFrames, helloTimeout = DEFAULTS.helloTimeout, ackDelay = DEFAULTS.ackDelay } = options;
    const { id = nanoid(), scheduler = DEFAULTS.scheduler, microtask, inbox, deadLetters, keep, report = noop } = options;
    this.id = id;
    this.#parts = parts;
    this.#report = report;
    this.#window = window;
    this.#scheduler = scheduler;
    this.#ackDelayOf = parts.ackDelayOf ?? (() => ackDelay);
    this.#turn = createTurn(microtask, () => this.#runTurn());
    this.#acks = new AckPolicy({ scheduler, onDue: () => this.#turn.schedule() });
    this.sender = new Sender(parts, options);
    this.rejections = new RejectionSender(() => this.receiver, window, this.sender.target);
    this.#reader = new FrameReader({
      handler: this,
      codec: parts.codec,
      direction: parts.sends === 'to-server' ? 'to-client' : 'to-server',
      pid: parts.pid,
      maxFrame,
      maxBadFrames,
      maxWaiting: 2 * (1_024 * window + windowBytes + maxFrame),
      report,
      life: parts.life,
    });
    this.#committer =
      inbox &&
      parts.durability?.createInboxCommitter({
        inbox,
        ...(parts.recorded && { recorded: parts.recorded }),
        microtask: microtask ?? DEFAULTS.microtask,
        wait: parts.wait,
        onRejected: (rejections, tracker) => this.#reject(rejections, tracker),
        onDone: () => this.#acks.processed(this.receiver.tracker.done),
        onFailed: (error) => this.sender.whenWritten(() => parts.fail(error)),
      });
    this.canWrite = this.#committer !== undefined;
    this.keep = inbox && (!deadLetters || deadLetters === inbox.deadLetters) ? undefined : keep;
    this.held = new HoldUntilSubscribed(parts.emit, this, window);
    this.receiver = new Receiver({
      window,
      windowBytes,
      onMessage: (message, number, tracker) => {
        if (message.type === 'system.ping') parts.onPing?.(message, true);
        this.held.deliver(message, number, tracker);
      },
      onSkipped: (number, tracker) => this.settle(number, [], tracker),
      onMissed: (count) => this.complain(new MessagesMissedError(count)),
    });
    this.toPeer$ = connections({
      onOpen: (opened) => this.#opened(opened),
      onClosed: (closed) => this.#closed(closed),
      isWaiting: (connection) => this.sender.inFlight.isStuck() || (this.sender.inFlight.isQuiet() && connection.mustMeasure()),
      ping: () => this.#connection?.send(controlFrame('ping', this.sender.inFlight.tail)),
      woken$: parts.woken$,
      helloTimeout,
      scheduler,
      traffic: parts.traffic,
    });
    parts.life.add(() => {
      this.#isOver = true;
      this.#acks.clear();
      this.#committer?.abandon();
    });
  }

  /** Whether the session has ended: then it acks and writes nothing more. */
  readonly isOver = (): boolean => this.#isOver;

  readonly complain = (error: RxwireError): void => this.#report({ kind: 'error', error });

  /** Whether this is the connection in use. */
  isCurrent(connection: Connection): boolean {
    return connection === this.#connection;
  }

  /** Sends a message at the end of the microtask, together with all others until then. */
  send(message: Message): void {
    if (this.sender.accept(message)) this.#turn.schedule();
  }

  /** Returns the number of frames that arrived and are not read yet. */
  unread(): number {
    return this.#reader.unread();
  }

  /** Returns whether all received messages are processed. */
  isIdle(): boolean {
    return this.#unnumbered === 0 && this.#reader.isGood() && this.receiver.isIdle() && this.#committer?.isIdle() !== false;
  }

  /** Starts to receive behind the cursor; without one, before the first message of this sender. */
  begin(...cursor: Parameters<Receiver['begin']>): void {
    this.receiver.begin(...cursor);
    this.#acks.begin(this.receiver.tracker.done);
  }

  /** Sends an ack at the end of the microtask. */
  acknowledge(): void {
    this.#acks.demand();
  }

  /** Sends a delayed ack. */
  flushAcks(): void {
    if (this.#acks.isOwed) this.#sendAck();
  }

  /** Lets this side send over the connection. */
  agree(connection: Connection, { rx, allowance, ping, lazyAcks, rejections }: Agreement): void {
    if (connection !== this.#connection) return;
    const accepted = Math.max(rx, connection.earlyAck?.done ?? 0);
    if (accepted > this.sender.inFlight.sent) {
      this.#reader.refuse(new ProtocolError('an ack covers unsent messages'), connection);
      return;
    }
    this.hasLazyAcks = lazyAcks;
    connection.agree(ping);
    this.#report({ kind: 'open' });
    this.rejections.restart(rejections);
    this.#acks.restart();
    // A message that is acked was accepted, also one that was finished before a restart and is
    // above the `rx` of the handshake.
    this.sender.attach(this, accepted, allowance, rejections);
    if (connection.earlyAck) this.sender.acknowledge(connection.earlyAck);
  }

  /**
   * From now on, sends all acks at once, and requests the delayed acks of the other side: the
   * session ends when nothing is left.
   */
  drain(): void {
    this.#isDraining = true;
    if (this.sender.pending.byId.size > 0 && this.hasLazyAcks && this.#connection?.isAgreed)
      this.#connection.send(controlFrame('ping', this.sender.inFlight.tail));
  }

  /** Closes the current connection normally. Returns false when there is none. */
  close(): boolean {
    this.flushAcks();
    this.#connection?.close();
    return this.#connection !== undefined;
  }

  /** Reads a frame of the current connection. */
  receive(frame: Frame): void {
    const connection = this.#connection;
    if (!connection) return;
    connection.hear(frame);
    this.#reader.read(frame, connection);
  }

  /** Sends a batch; with the pending ack, if the other side supports that. */
  sendBatch({ frame, messages }: Batch): void {
    const connection = this.#connection;
    const acks = this.#acks;
    // A subscriber of the receipts may have ended the session.
    if (!connection || !this.hasLazyAcks || this.#committer?.hasFailed() || messages.length === 0) {
      connection?.send(frame);
      return;
    }
    const wait = this.#mayWait(frame) ? this.#ackDelayOf(messages) : 0;
    if (wait === 0 && !acks.isOwed) {
      connection.send(frame);
      return;
    }
    this.rejections.flush(connection);
    const done = this.#ackable();
    const delay = acks.delay();
    acks.sent(done);
    connection.send(withAck(frame, done, this.#window, wait, delay));
  }

  sendFrame(frame: Frame): void {
    this.#connection?.send(frame);
  }

  onFrame(frame: Exclude<SessionFrame, BatchFrame>, connection: Connection): void {
    if ('value' in frame) {
      this.#parts.onHandshake(frame, connection);
      return;
    }
    const isEarly = this.#checkPhase(frame, connection);
    if (frame.kind === 'ack') {
      if (!isEarly) this.sender.acknowledge(frame);
      if (connection.pingedAt !== undefined) this.sender.pingAnswered(connection.measured());
      return;
    }
    if (frame.kind === 'reject') {
      this.sender.inFlight.reject(frame.rejections);
      return;
    }
    this.#acks.demand();
    if (frame.kind === 'skip') this.receiver.skip(frame.numbers);
    else this.receiver.expect(frame.sent);
  }

  onBatch(batch: BatchFrame, connection: Connection): boolean {
    const isEarly = this.#checkPhase(batch, connection);
    const { first, count, ack, wait } = batch;
    if (ack && !isEarly) this.sender.inFlight.check(ack.done);
    if (first === 0) return this.#parts.admit?.(batch) !== false;
    const last = first + count - 1;
    // A repeat is not decoded.
    const isRepeat = last <= this.receiver.rx;
    this.#acks.received(last, isRepeat ? 0 : wait * WAIT_UNIT);
    return !isRepeat && this.#parts.admit?.(batch) !== false;
  }

  onUndecodable(batch: BatchFrame, error: unknown, attempts: number): void {
    const { codec, source, wait } = this.#parts;
    const report = (reason: unknown): void => this.#report({ kind: 'error', error: reason });
    const parts = { receiver: this.receiver, session: this, wait, scheduler: this.#scheduler, report };
    setAside(batch, error, { ...parts, codec: codec.current.name, source: source(), attempts });
  }

  /** Delivers the messages of a batch, then applies the ack that the batch carries. */
  onMessages({ first, body, ack }: BatchFrame, messages: readonly Message[] | undefined, connection: Connection): void {
    if (messages && messages.length > 0) {
      const source = this.#parts.source();
      // The messages were just decoded: no other code has them yet.
      for (const message of messages as readonly { source: string }[]) message.source ||= source;
      this.sender.inFlight.noteProgress();
      if (first > 0) this.receiver.accept(first, messages, body.length);
      else {
        this.#unnumbered += messages.length;
        for (const message of messages) {
          if (message.type === 'system.ping') this.#parts.onPing?.(message, false);
          this.held.deliverUnnumbered(message);
        }
      }
    }
    // An early ack was applied when both sides agreed.
    if (!ack || !connection.isAgreed || ack === connection.earlyAck || connection.isOver) return;
    this.sender.acknowledge(ack);
    if (connection.pingedAt !== undefined) this.sender.pingAnswered(connection.measured());
  }

  /** Marks a message as processed: at once, or when the inbox has committed it. */
  settle(number: number, outcomes: readonly Outcome[], tracker: AckTracker | undefined): void {
    if (number === 0) {
      this.#unnumbered--;
      if (outcomes.length === 0) return;
    }
    const mine = tracker ?? this.receiver.tracker;
    if (this.#isOver) for (const { onAbandoned } of outcomes) onAbandoned?.();
    else if (this.#committer) this.#committer.add(number, outcomes, mine);
    else {
      const rejection = number > 0 && outcomes.length > 0 ? rejectionIn(number, outcomes) : undefined;
      if (rejection) this.#reject([rejection], mine);
      mine.mark(number);
      this.#acks.processed(this.receiver.tracker.done);
      for (const { onDone } of outcomes) onDone?.();
    }
  }

  /** Leaves a message unacked: the next session delivers it again. */
  abandon(number: number): void {
    if (number === 0) this.#unnumbered--;
  }

  #reject(rejections: readonly NumberedRejection[], tracker: AckTracker): void {
    if (this.rejections.add(rejections, tracker)) this.#acks.demand();
  }

  #opened(connection: Connection): void {
    this.#connection = connection;
    this.#parts.onOpen(connection);
  }

  #closed(connection: Connection): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.sender.detach();
    this.#reader.reset();
  }

  /**
   * Sends the waiting messages and the pending ack: with a batch, if the other side supports that.
   */
  #runTurn(): void {
    if (this.#acks.isDue && !this.hasLazyAcks) this.#sendAck();
    this.sender.flush();
    if (this.#acks.isDue) this.#sendAck();
  }

  #sendAck(): void {
    const connection = this.#connection;
    if (!connection?.isAgreed || this.#committer?.hasFailed()) return;
    this.rejections.flush(connection);
    const done = this.#ackable();
    const delay = this.hasLazyAcks ? this.#acks.delay() : 0;
    this.#acks.sent(done);
    connection.send(ackFrame(done, this.#window, delay));
  }

  #ackable(): number {
    const { ackable = identity } = this.#parts;
    return ackable(this.receiver.tracker.done);
  }

  /** Whether the ack of a batch may wait: not when the application or the window waits for it. */
  #mayWait(frame: Frame): boolean {
    const { inFlight, pending } = this.sender;
    return !this.#isDraining && !pending.isWatched() && mayAckWait(frame.length, inFlight.load());
  }

  /**
   * Returns whether a frame arrives before this side may send.
   * @throws {ProtocolError} When the
   * other side may not send yet.
   */
  #checkPhase(frame: SessionFrame, connection: Connection): boolean {
    const isEarly = connection.isEarly(frame);
    if (isEarly) this.#parts.onEarly?.(connection);
    return isEarly;
  }
}
