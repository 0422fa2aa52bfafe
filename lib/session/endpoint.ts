import { nanoid } from 'nanoid';
import { asyncScheduler, identity, noop, Observable } from 'rxjs';
import { MessagesMissedError, ProtocolError, type RxwireError } from '../errors.js';
import type { Frame, Link } from '../link/link.js';
import type { Message } from '../message/types.js';
import { connections, type Connection } from './connection.js';
import { DEFAULTS, type EndpointOptions } from './endpointOptions.js';
import type { Agreement, EndpointParts } from './endpointParts.js';
import { createTurn, type Turn } from './turn.js';
import { ackFrame, controlFrame, WAIT_UNIT, withAck, type BatchFrame, type SessionFrame } from './protocol/frames.js';
import { AckPolicy } from './receive/ackPolicy.js';
import type { AckTracker } from './receive/ackTracker.js';
import { HoldUntilSubscribed, type DeliverySession, type Outcome } from './receive/delivery.js';
import { FrameReader, type FrameHandler } from './receive/frameReader.js';
import type { InboxCommitter } from './receive/inboxCommitter.js';
import { Receiver } from './receive/receiver.js';
import type { Batch, BatchTransport } from './send/inFlight.js';
import { Sender } from './send/sender.js';
import type { Report } from './sessionEvents.js';

/** Frames of this size and more are acked at once, in bytes. */
export const LARGE_FRAME = 16_384;

/** One side of a session, over one connection after the other. Client and server differ in the handshake only. */
export class Endpoint implements DeliverySession, BatchTransport, FrameHandler {
  /** The id of this side. */
  readonly id: string;
  readonly sender: Sender;
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
    const { id = nanoid(), scheduler = asyncScheduler, microtask, inbox, deadLetters, keep, report = noop } = options;
    this.id = id;
    this.#parts = parts;
    this.#report = report;
    this.#window = window;
    this.#ackDelayOf = parts.ackDelayOf ?? (() => ackDelay);
    this.#turn = createTurn(microtask, () => this.#runTurn());
    this.#acks = new AckPolicy({ scheduler, onDue: () => this.#turn.schedule() });
    this.sender = new Sender(parts, options);
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
        microtask: microtask ?? DEFAULTS.microtask,
        wait: parts.wait,
        onDone: () => this.#acks.processed(this.receiver.tracker.done),
        onFailed: parts.fail,
      });
    this.canWrite = this.#committer !== undefined;
    this.keep = inbox && (!deadLetters || deadLetters === inbox.deadLetters) ? undefined : keep;
    this.held = new HoldUntilSubscribed(parts.emit, this, window);
    this.receiver = new Receiver({
      window,
      windowBytes,
      onMessage: (message, number, tracker) => this.held.deliver(message, number, tracker),
      onSkipped: (number, tracker) => this.settle(number, [], tracker),
      onMissed: (count) => this.complain(new MessagesMissedError(count)),
    });
    this.toPeer$ = connections({
      onOpen: (opened) => this.#opened(opened),
      onClosed: (closed) => this.#closed(closed),
      isWaiting: () => this.sender.inFlight.isStuck(),
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
  begin(pid: string, cursor?: Parameters<Receiver['begin']>[1]): void {
    this.receiver.begin(pid, cursor);
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
  agree(connection: Connection, { rx, allowance, ping, lazyAcks }: Agreement): void {
    if (connection !== this.#connection) return;
    const { earlyAck } = connection;
    const accepted = Math.max(rx, earlyAck?.done ?? 0);
    if (accepted > this.sender.inFlight.sent) {
      this.#reader.refuse(new ProtocolError('an ack of what was never sent'), connection);
      return;
    }
    this.hasLazyAcks = lazyAcks;
    connection.agree(ping);
    this.#report({ kind: 'open' });
    this.#acks.restart();
    // A message that is acked was accepted, also one that was finished before a restart and is above the `rx` of the handshake.
    this.sender.attach(this, accepted, allowance);
    if (earlyAck) this.sender.acknowledge(earlyAck);
  }

  /** From now on, sends all acks at once, and requests the delayed acks of the other side: the session ends when nothing is left. */
  drain(): void {
    this.#isDraining = true;
    if (this.sender.pending.size > 0 && this.hasLazyAcks && this.#connection?.isAgreed)
      this.#connection.send(controlFrame('ping', this.sender.inFlight.tail));
  }

  /** Closes the current connection normally. Returns false when there is none. */
  close(): boolean {
    this.flushAcks();
    this.#connection?.close();
    return this.#connection !== undefined;
  }

  /** Opens a connection over a link. Emits when its first frame has arrived. */
  over(link: Link<Frame>): Observable<void> {
    // eslint-disable-next-line no-restricted-syntax -- an operator for each frame would be a fifth of the cost of a message
    return new Observable((to) => {
      let isFirst = true;
      return link(this.toPeer$).subscribe({
        next: (frame) => {
          this.receive(frame);
          if (isFirst) to.next();
          isFirst = false;
        },
        error: (error: unknown) => to.error(error),
        complete: () => to.complete(),
      });
    });
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
    const connection = this.#connection as Connection;
    const acks = this.#acks;
    if (!this.hasLazyAcks || messages.length === 0) {
      connection.send(frame);
      return;
    }
    const wait = this.#mayWait(frame) ? this.#ackDelayOf(messages) : 0;
    if (wait === 0 && !acks.isOwed) {
      connection.send(frame);
      return;
    }
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

  /** Delivers the messages of a batch, then applies the ack that the batch carries. */
  onMessages({ first, body, ack }: BatchFrame, messages: readonly Message[] | undefined, connection: Connection): void {
    if (messages && messages.length > 0) {
      const source = this.#parts.source();
      // The messages were just decoded: no other code has them yet.
      for (const message of messages as readonly { source: string }[]) message.source ||= source;
      if (first > 0) this.receiver.accept(first, messages, body.length);
      else {
        this.#unnumbered += messages.length;
        for (const message of messages) this.held.deliverUnnumbered(message);
      }
    }
    // An early ack was applied when both sides agreed.
    if (ack && connection.isAgreed && ack !== connection.earlyAck && !connection.isOver) this.sender.acknowledge(ack);
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
      mine.mark(number);
      this.#acks.processed(this.receiver.tracker.done);
      for (const { onDone } of outcomes) onDone?.();
    }
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

  /** Sends the waiting messages and the pending ack: with a batch, if the other side supports that. */
  #runTurn(): void {
    if (this.#acks.isDue && !this.hasLazyAcks) this.#sendAck();
    this.sender.flush();
    if (this.#acks.isDue) this.#sendAck();
  }

  #sendAck(): void {
    const connection = this.#connection;
    if (!connection?.isAgreed) return;
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
    const { acked, tail, limit, bytesSent, bytesAllowed } = inFlight;
    return (
      !this.#isDraining &&
      !pending.isWatched() &&
      frame.length < LARGE_FRAME &&
      4 * (tail - acked) <= limit - acked &&
      4 * bytesSent <= bytesAllowed
    );
  }

  /** Returns whether a frame arrives before this side may send. @throws {ProtocolError} When the other side may not send yet. */
  #checkPhase(frame: SessionFrame, connection: Connection): boolean {
    if (!connection.isWelcome) throw new ProtocolError('a frame before the welcome');
    if (connection.isAgreed) return false;
    const ack = frame.kind === 'ack' ? frame : frame.kind === 'msg' ? frame.ack : undefined;
    if (ack && ack.done >= (connection.earlyAck?.done ?? 0)) connection.earlyAck = ack;
    this.#parts.onEarly?.(connection);
    return true;
  }
}
