import type { FrameReader } from '../codec/codec.js';
import { HANDSHAKE_TIMEOUT, SILENT, EXPIRED } from '../message/closeCode.js';
import type { Message } from '../message/types.js';
import { BatchDecoder } from './batchDecoder.js';
import type { Agreement } from './clientHandshake.js';
import * as frames from './frameFormat.js';
import { Violation, type ArrivedAck, type ArrivedBatch } from './frameFormat.js';
import { Incoming } from './incoming.js';
import { Keepalive } from './keepalive.js';
import { Outgoing } from './outgoing.js';
import type { OutgoingBatch } from './outgoingBatch.js';
import type { SessionStores } from './sessionStores.js';
import type { Body, RestoredState } from './storedTypes.js';
import { Outputs, type SessionCodec, type CoreOptions } from './coreTypes.js';

/**
 * - `closed`: there is no connection.
 * - `opened`: the hello or the welcome is to be sent.
 * - `handshake`: it was sent, and its answer is missing.
 * - `agreed`: messages travel.
 * - `leaving`: a bye was sent or has arrived; a client sends nothing new.
 * - `over`: the session has ended.
 */
type Phase = 'closed' | 'opened' | 'handshake' | 'agreed' | 'leaving' | 'over';

/**
 * One side of a session over one connection after the other (docs/protocol.md); `ClientCore` and
 * `ServerCore` add the handshakes. It does no IO, and knows no time: inputs are methods, which take
 * the time in ms; `outputs`, `transmit` and `timeout` are its outputs.
 *
 * Its host has one loop: an input, then the events and effects of {@link outputs}, and {@link
 * transmit} until there is no frame left, all of it again while there are outputs; then a timer at
 * {@link timeout}. All inputs change the memory at once.
 */
export abstract class SessionCore {
  readonly outgoing: Outgoing;
  readonly incoming: Incoming;
  readonly keepalive = new Keepalive();
  /** The events and effects for the host. {@link transmit} makes some, too. */
  readonly outputs = new Outputs();
  /** The id of the other side. */
  peer = '';
  /** Whether the other side has sent a bye. */
  hasLeft = false;
  /**
   * Whether all messages have their outcomes, after the end, except those that an outbox keeps.
   */
  isEnded = false;
  /** Only the core, of either side, writes it. */
  phase: Phase = 'closed';
  /** Whether this side is the server. */
  protected abstract readonly isServer: boolean;
  readonly options: CoreOptions;
  /** A session without stores has none. */
  protected readonly stores: SessionStores | undefined;
  protected codec: SessionCodec | undefined;
  /** The time at which the credentials of a client expire. */
  protected expiresAt = Infinity;
  /** The token of a client, or the answer of a server, that is to be sent. */
  protected authFrame: string | undefined;
  /** The `retryAfter` of a bye that is to be sent; 0 for the answer of a client. */
  protected byeAfter: number | undefined;
  /** The reader of the connection, if its codec is asynchronous. */
  reader: FrameReader | undefined;
  readonly #decoder: BatchDecoder;

  /** @param stores If there are any, {@link restore} must follow. */
  constructor(options: CoreOptions, stores?: SessionStores) {
    this.options = options;
    this.stores = stores;
    const { outgoing, incoming } = stores?.join(this, options) ?? {};
    this.outgoing = outgoing ?? new Outgoing(options, this.outputs);
    this.incoming = incoming ?? new Incoming(options, this.outputs);
    this.#decoder = new BatchDecoder(options.maxBadFrames, this.outputs);
  }
  /** Continues with the stored state. */
  restore(state: RestoredState): void {
    this.stores?.restore(state);
  }

  // ---- Outputs

  /** The time of the next {@link tick}. */
  get timeout(): number {
    if (this.phase === 'over') return Infinity;
    return Math.min(this.keepalive.checkAt, this.incoming.ackAt, this.expiresAt);
  }
  /**
   * Whether all messages, also stored ones, have outcomes, no outcome waits for a write, and the
   * application awaits no answer.
   */
  get isSettled(): boolean {
    const { isEmpty, unanswered } = this.outgoing;
    return isEmpty && unanswered === 0 && this.stores?.isSettled !== false;
  }

  /**
   * Returns the next frame for the other side; undefined if there is none now. With stores, it
   * decides what is written, too. It takes nothing before all that the
   * frame depends on is stored.
   */
  transmit(now: number, date: number): Body | undefined {
    const { phase } = this;
    if (phase === 'over' || this.stores?.prepare(date) === false) return undefined;
    if (phase === 'opened') {
      this.phase = 'handshake';
      return this.firstFrame();
    }
    if (phase === 'closed' || phase === 'handshake') return undefined;
    const { outgoing, incoming } = this;
    if (this.mayTravel) {
      const batch = outgoing.unnumbered?.nextFrame(date) ?? outgoing.next(now, date);
      if (batch !== undefined) return typeof batch === 'string' || batch instanceof Uint8Array ? batch : this.#batchFrame(batch, now);
    }
    if (incoming.isAckDue) return this.#rejectFrame() ?? incoming.ackFrame(now);
    const { authFrame } = this;
    this.authFrame = undefined;
    if (authFrame !== undefined) return authFrame;
    if (this.keepalive.isPingDue) return this.keepalive.takeFrame(outgoing.tail > outgoing.acked ? outgoing.tail : 0);
    return this.byeAfter === undefined ? undefined : this.#nextBye(this.byeAfter);
  }
  /** Whether new messages may be sent: a server also sends them after its bye. */
  get mayTravel(): boolean {
    return this.phase === 'agreed' || (this.phase === 'leaving' && this.isServer);
  }
  /** Whether an ack may be sent: it confirms a handshake, which must be stored. */
  get mayAck(): boolean {
    return (this.phase === 'agreed' || this.phase === 'leaving') && this.stores?.isHandshakeStored !== false;
  }
  /** Whether {@link transmit} may return a frame, or ask for a write. */
  get mayTransmit(): boolean {
    if (this.stores || this.phase === 'opened' || (this.mayTravel && this.outgoing.hasUnsent)) return true;
    return this.incoming.isAckDue || this.authFrame !== undefined || this.keepalive.isPingDue || this.byeAfter !== undefined;
  }
  /** Returns the hello of a client, or the welcome of a server. */
  protected abstract firstFrame(): string;
  #rejectFrame(): string | undefined {
    const { incoming } = this;
    return incoming.progress.rejections.length > 0 ? incoming.rejectFrame(this.outgoing.maxFrame) : undefined;
  }
  #batchFrame(batch: OutgoingBatch, now: number): Body {
    const { outgoing, incoming } = this;
    if (incoming.isAckOwed) {
      const frame = this.#rejectFrame() ?? (incoming.mustCountRejections ? incoming.ackFrame(now) : undefined);
      if (frame !== undefined) return frame;
    }
    outgoing.markSent(batch, now);
    const { first, count, body = '' } = batch;
    const wait = outgoing.waitOf(batch);
    const carries = !incoming.mustCountRejections && (wait > 0 || incoming.isAckOwed);
    if (!carries) return frames.batchFrame(first, count, body);
    const delay = incoming.delay(now);
    return frames.ackBatchFrame(first, count, body, incoming.ackSent(), this.options.window, wait, delay);
  }
  /**
   * A server says that it stops; messages that have no room yet still follow. A client answers when
   * it has acked all that has arrived.
   */
  #nextBye(after: number): string | undefined {
    if (!this.isServer && !this.incoming.isDrained) return undefined;
    const frame = `["bye",${after}]`;
    this.byeAfter = undefined;
    this.phase = 'leaving';
    return frame;
  }

  // ---- Inputs of the application

  /** Sends a message. Returns false if a message with this id has no outcome yet. */
  send(message: Message): boolean {
    return this.outgoing.send(message);
  }
  /**
   * Ends the session. Messages without an outcome get one, as soon as no write of the outbox is
   * without an answer: the messages that the outbox holds are for its next owner.
   */
  end(): void {
    if (this.phase === 'over') return;
    this.closed();
    this.phase = 'over';
    this.outgoing.nextExpiry = Infinity;
    if (!this.stores?.isWriting) this.finish();
  }
  finish(): void {
    this.isEnded = true;
    this.outgoing.close();
  }

  // ---- Inputs of the connection

  /** There is a connection. */
  opened(now: number): void {
    if (this.phase === 'over') return;
    this.phase = 'opened';
    this.hasLeft = false;
    this.byeAfter = undefined;
    this.keepalive.open(this.options.handshakeTimeout, now);
  }

  /** The connection has ended. */
  closed(): void {
    if (this.phase === 'over') return;
    this.phase = 'closed';
    this.expiresAt = Infinity;
    this.authFrame = undefined;
    this.keepalive.stop();
    this.outgoing.detach();
    this.reader = undefined;
  }

  /** The other side has sent a frame. */
  receive(frame: Body, now: number): void {
    if (this.phase === 'closed' || this.phase === 'over') return;
    this.keepalive.hasReceived = true;
    try {
      if (frames.isAbove(frame, this.options.maxFrame)) frames.invalid('the frame is too large');
      if (this.reader?.holds(frame) !== true) this.#read(frame, now);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The time of {@link timeout} has come. */
  tick(now: number): void {
    if (this.phase === 'over') return;
    if (now >= this.incoming.ackAt) this.incoming.ackDelayed();
    if (now >= this.expiresAt) this.close(EXPIRED, 'the credentials have expired');
    if (now < this.keepalive.checkAt || this.phase === 'closed') return;
    const { sent, acked, isPaused } = this.outgoing;
    if (this.phase === 'opened' || this.phase === 'handshake') this.close(HANDSHAKE_TIMEOUT, 'the handshake timed out');
    else if (!this.keepalive.check(now, sent > acked || isPaused, acked, this.options.measuresLatency !== false))
      this.close(SILENT, `the peer was silent for ${this.keepalive.limit} ms`);
  }

  /** Closes the connection. */
  close(code: number, reason: string, isReported = false): void {
    this.closed();
    this.outputs.add({ kind: 'close', code, reason, isReported });
  }
  #fail(error: unknown): void {
    if (!(error instanceof Violation)) throw error;
    this.close(error.code, error.message, error.isReported);
  }

  // ---- Frames of the other side

  #read(frame: Body, now: number): void {
    const isText = typeof frame === 'string';
    const ack = isText ? frames.readTextAck(frame) : undefined;
    if (ack) {
      if (this.phase !== 'agreed') this.#confirm(ack.done, now);
      this.#acknowledge(ack, now);
      return;
    }
    const batch = this.batchOf(frame);
    if (batch) this.#arrived(batch, now);
    else this.#control(frames.readControl(frame as string), now);
  }
  /** Returns the batch of a frame, if it has one. @throws {Violation} If the batch is invalid. */
  batchOf(frame: Body): ArrivedBatch | undefined {
    return typeof frame === 'string' ? frames.readTextBatch(frame) : frames.readBinaryBatch(frame);
  }
  #acknowledge(ack: ArrivedAck, now: number): void {
    const { outgoing } = this;
    outgoing.acknowledge(ack, now);
    if (this.keepalive.pingedAt !== undefined) this.outputs.add({ kind: 'latency', latency: this.keepalive.answered(now) });
    // An answer to a ping is progress while no message is in flight (section 9, rule 5).
    outgoing.hasProgress ||= this.keepalive.hasPinged && outgoing.acked === outgoing.sent;
  }

  #control([kind, a, b, c, d]: readonly unknown[], now: number): void {
    if (kind === 'welcome' && this.phase === 'handshake' && this.welcomed(a, now)) return;
    if (kind === 'ack') {
      const ack = frames.readAck(a, b, c, d);
      this.#confirm(ack.done, now);
      this.#acknowledge(ack, now);
      return;
    }
    if (kind === 'hello' || kind === 'welcome') frames.invalid('a handshake came twice');
    this.#confirm(-1, now);
    if (kind === 'ping') this.incoming.pinged(frames.wholeNumber(a));
    else if (kind === 'skip') this.incoming.skip(frames.readSkip(a));
    else if (kind === 'reject') this.outgoing.reject(frames.readRejectFrame(a), frames.wholeNumber(b));
    else if (kind === 'bye') this.#byed(frames.wholeNumber(a), now);
    else if (kind === 'auth') this.authenticated(a);
    else frames.invalid('the frame is unknown');
  }
  /** Takes the welcome of a server. Returns false if this side is the server. */
  protected abstract welcomed(welcome: unknown, now: number): boolean;
  #byed(after: number, now: number): void {
    this.byed(after, now);
    this.hasLeft = true;
    this.outputs.add({ kind: 'bye', after });
  }
  /** The other side has sent a bye. */
  protected abstract byed(after: number, now: number): void;
  /** Takes the token of a client, or the answer of a server. */
  protected abstract authenticated(value: unknown): void;

  // ---- Batches of the other side (section 6)

  #arrived(batch: ArrivedBatch, now: number): void {
    const { first, done } = batch;
    const { outgoing, incoming } = this;
    if (this.phase !== 'agreed') this.#confirm(done, now);
    // The ack is checked before the batch is used, and is applied after it.
    if (done > outgoing.sent) frames.invalid('an ack covers unsent messages');
    if (first === 0 || incoming.arrived(batch)) {
      const messages = this.#decoder.decode(this.codec as SessionCodec, batch);
      outgoing.hasProgress ||= messages !== undefined && outgoing.acked === outgoing.sent;
      if (first > 0) incoming.accept(batch, messages, this.peer, this.#decoder.failure);
      else if (messages) incoming.acceptUnnumbered(messages, this.peer);
    }
    if (done >= 0) this.#acknowledge(batch, now);
  }

  // ---- The handshake (sections 4 and 7)

  /** The codec of the connection is known. */
  protected useCodec(codec: SessionCodec): void {
    this.codec = codec;
    this.reader = codec.reader?.(this);
  }

  #confirm(done: number, now: number): void {
    if (this.phase !== 'agreed' && this.phase !== 'leaving') this.confirmed(done, now);
  }
  /**
   * Takes the first frame of a client behind the welcome, which confirms it (rule 7 of the server).
   *
   * @param done The ack that this frame carries; -1 for none.
   * @throws {Violation} If there was no welcome.
   */
  protected abstract confirmed(done: number, now: number): void;

  /** The handshake has ended. */
  protected agree(agreement: Agreement, now: number): void {
    this.phase = 'agreed';
    this.peer = agreement.id;
    this.outgoing.attach(agreement);
    this.incoming.attach();
    this.keepalive.begin(agreement.pingInterval, now);
    // Messages may travel when what the handshake has changed is stored.
    if (this.stores) this.stores.isAgreementNew = true;
    else this.outputs.add({ kind: 'agreed' });
  }
}
