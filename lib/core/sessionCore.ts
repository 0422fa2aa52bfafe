import type { Message } from '../message/types.js';
import { BatchDecoder } from './batchDecoder.js';
import { CredentialExpiry } from './credentialExpiry.js';
import { helloFrame, readWelcome, type Agreement, type ClientIdentity } from './clientHandshake.js';
import * as frames from './frameFormat.js';
import { Violation, type ArrivedAck, type ArrivedBatch } from './frameFormat.js';
import { Incoming } from './incoming.js';
import { Keepalive } from './keepalive.js';
import { Outgoing } from './outgoing.js';
import type { OutgoingBatch } from './outgoingBatch.js';
import type { Progress, ReceivedRejection } from './progress.js';
import type { ReceivedHello, ServerHandshake } from './serverHandshake.js';
import type { SessionStores } from './sessionStores.js';
import type { Body, ClientRecord, RestoredState, StoreFault } from './storedTypes.js';
import { Outputs, type SessionCodec, type SessionOptions } from './sessionTypes.js';

/**
 * - `closed`: there is no connection.
 * - `opened`: the hello or the welcome is to be sent.
 * - `greeted`: it was sent, and its answer is missing.
 * - `agreed`: messages travel.
 * - `leaving`: a bye was sent or has arrived; a client sends nothing new.
 * - `over`: the session has ended.
 */
type Phase = 'closed' | 'opened' | 'greeted' | 'agreed' | 'leaving' | 'over';

/**
 * One side of a session over one connection after the other (docs/protocol.md). It does no IO, and
 * knows no time: inputs are methods, which take the time in ms; `outputs`, `transmit` and `timeout`
 * are its outputs.
 *
 * Its host has one loop: an input, then the events and effects of {@link outputs}, and {@link
 * transmit} until there is no frame left, all of it again while there are outputs; then a timer at
 * {@link timeout}. All inputs change the memory at once.
 */
export class SessionCore {
  readonly outgoing: Outgoing;
  readonly incoming: Incoming;
  readonly keepalive = new Keepalive();
  /** The events and effects for the host. {@link transmit} makes some, too. */
  readonly outputs = new Outputs();
  /** The id of the other side. */
  peer = '';
  /** The time before which a client must not return, after a bye. */
  returnAt = 0;
  /** Whether the other side has sent a bye. */
  hasLeft = false;
  /** Whether all messages have their outcomes, after the end. */
  isEnded = false;
  readonly #options: SessionOptions;
  readonly #decoder: BatchDecoder;
  /** That of a client; a server has none. */
  readonly #identity: ClientIdentity | undefined;
  /** That of a server; a client has none. */
  readonly #server: ServerHandshake | undefined;
  /** A session without stores has none. */
  readonly #stores: SessionStores | undefined;
  #phase: Phase = 'closed';
  #codec: SessionCodec | undefined;
  /** The welcome that a server is to send. */
  #welcome = '';
  #countsRejections = false;
  /** Whether the host does not know yet that the handshake has ended. */
  #isAgreementNew = false;
  // Credentials and the bye.
  readonly #expiry = new CredentialExpiry();
  /** The `retryAfter` of a bye that is to be sent; 0 for the answer of a client. */
  #byeAfter: number | undefined;

  /**
   * @param side The identity of a client; or the handshake of a server, which may have begun before
   *   its session: see {@link greeted}.
   * @param stores If there are any, {@link restore} must follow.
   */
  constructor(options: SessionOptions, side: ClientIdentity | ServerHandshake, stores?: SessionStores) {
    this.#options = options;
    this.#stores = stores;
    if (side.isServer) this.#server = side;
    else this.#identity = side;
    this.outgoing = new Outgoing(options, this.outputs);
    this.incoming = new Incoming(options, this.outputs);
    this.#decoder = new BatchDecoder(options, this.outputs);
    if (this.#identity) this.outgoing.codec = options.codecs[0];
    stores?.join({ outgoing: this.outgoing, incoming: this.incoming, outputs: this.outputs });
  }
  /** Continues with the stored state. */
  restore(state: RestoredState): void {
    const { record, outbox } = state;
    const { codecs } = this.#options;
    if (record && this.#server) {
      this.#codec = this.outgoing.codec = codecs.find(({ name }) => name === record.codec);
      this.#server.record = record;
      this.#server.hasMessages = outbox?.ticket?.sid === record.sid;
    }
    if (this.#identity) this.#identity.hasProgress = state.cursor !== undefined;
    this.#stores?.restore(state, codecs);
  }

  // ---- Outputs

  /** The time of the next {@link tick}. */
  get timeout(): number {
    if (this.#phase === 'over') return Infinity;
    return Math.min(this.keepalive.checkAt, this.incoming.ackAt, this.#expiry.at);
  }
  get phase(): Phase {
    return this.#phase;
  }
  /** The state of its client that a server remembers. */
  get record(): ClientRecord | undefined {
    return this.#server?.record;
  }
  /** The number of frames that have arrived and are not read yet. */
  get unread(): number {
    return this.#decoder.unread;
  }
  /** Whether all messages of both directions are finished, as far as they were sent. */
  get isDrained(): boolean {
    return this.outgoing.acked >= this.outgoing.tail && this.incoming.isDrained && this.#stores?.isIdle !== false;
  }

  /** Whether all messages have their outcomes, and no outcome waits for a write. */
  get isSettled(): boolean {
    return this.outgoing.isEmpty && this.#stores?.outbox?.isBusy !== true;
  }

  /** Asks for the writes of stores, while no frame can be sent. */
  prepare(date: number): void {
    if (this.#phase !== 'over') this.#stores?.prepare(date, this.#phase === 'agreed');
  }

  /**
   * Returns the next frame for the other side; undefined if there is none now. With stores, it
   * decides what is written, too. It takes nothing before all that the
   * frame depends on is stored.
   */
  transmit(now: number, date: number): Body | undefined {
    const phase = this.#phase;
    if (phase === 'over' || this.#stores?.prepare(date, phase === 'agreed') === false) return undefined;
    if (this.#isAgreementNew) this.#tellAgreement();
    if (phase === 'opened') return this.#greeting();
    if (phase === 'closed' || phase === 'greeted') return undefined;
    const { outgoing, incoming } = this;
    if (phase === 'agreed' || this.#server) {
      const batch = outgoing.unnumbered?.nextFrame(date) ?? outgoing.next(now, date);
      if (batch !== undefined) return typeof batch === 'string' || batch instanceof Uint8Array ? batch : this.#batchFrame(batch, now);
    }
    if (incoming.isAckDue) return this.#rejectFrame() ?? incoming.ackFrame(now);
    if (this.#expiry.frame !== undefined) return this.#expiry.takeFrame();
    if (this.keepalive.isPingDue) return this.keepalive.takeFrame(outgoing.tail);
    return this.#byeAfter === undefined ? undefined : this.#nextBye(this.#byeAfter);
  }
  /** Whether an ack may be sent: it confirms a handshake, which must be stored. */
  get mayAck(): boolean {
    return (this.#phase === 'agreed' || this.#phase === 'leaving') && this.#stores?.isReady !== false;
  }
  /** Whether {@link transmit} may return a frame, or ask for a write. */
  get isReady(): boolean {
    const isSendable = this.#phase === 'agreed' || (this.#phase === 'leaving' && this.#server !== undefined);
    if (this.#stores || this.#phase === 'opened' || (isSendable && this.outgoing.isReady)) return true;
    return this.incoming.isAckDue || this.#expiry.frame !== undefined || this.keepalive.isPingDue || this.#byeAfter !== undefined;
  }
  #greeting(): string {
    this.#phase = 'greeted';
    if (!this.#identity) return this.#welcome;
    return helloFrame(this.#identity, this.#options, this.#codec, this.incoming.rx, this.incoming.top);
  }
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
    outgoing.took(batch, now);
    const { first, count, body = '' } = batch;
    const wait = outgoing.waitOf(batch);
    const carries = incoming.lazyAcks && !incoming.mustCountRejections && (wait > 0 || incoming.isAckOwed);
    if (!carries) return frames.batchFrame(first, count, body);
    const delay = incoming.delay(now);
    return frames.ackBatchFrame(first, count, body, incoming.acked(), this.#options.window, wait, delay);
  }
  /**
   * A server says that it stops; messages that have no room yet still follow. A client answers
   * after all that it has sent.
   */
  #nextBye(after: number): string | undefined {
    if (this.#identity && !this.incoming.isDrained) return undefined;
    const frame = `["bye",${after}]`;
    this.#byeAfter = undefined;
    this.#phase = 'leaving';
    return frame;
  }

  // ---- Inputs of the application

  /** Sends a message. Returns false if a message with this id has no outcome yet. */
  send(message: Message): boolean {
    return this.outgoing.send(message);
  }
  /**
   * A message that was delivered is processed, or rejected.
   *
   * @param effect What the inbox stores with it.
   */
  processed(number: number, progress: Progress, now: number, rejection?: ReceivedRejection, effect?: unknown): void {
    const inbox = this.#stores?.inbox;
    if (inbox) inbox.add(number, progress, rejection, effect);
    else this.incoming.processed(number, progress, now, rejection);
  }
  /** A server accepts a token for so many ms. */
  renewed(expires: number | undefined, now: number): void {
    this.#expiry.renew(expires, now);
  }
  /** A client shows a fresh token. */
  authenticate(token: string): void {
    this.#expiry.show(token);
  }
  /** A server says that it stops: its client may return after so many ms (section 9, rule 4). */
  leave(retryAfter: number): void {
    this.#byeAfter = retryAfter;
  }
  /**
   * Ends the session. Messages without an outcome get one, as soon as no write of the outbox is
   * without an answer: the messages that the outbox holds are for its next owner.
   */
  end(): void {
    if (this.#phase === 'over') return;
    this.closed();
    this.#phase = 'over';
    this.#finish();
  }
  #finish(): void {
    if (this.isEnded || this.#stores?.isWriting) return;
    this.isEnded = true;
    this.outgoing.close();
  }
  /** Answers a write. */
  answered(id: number, now: number, fault?: StoreFault): void {
    const stores = this.#stores as SessionStores;
    if (this.#phase === 'over') {
      stores.answeredLate(id, fault);
      this.#finish();
      return;
    }
    const store = stores.answered(id, fault, now);
    if (!store || !fault) return;
    this.outputs.add({ kind: 'store-failed', store, fault });
    this.end();
  }

  // ---- Inputs of the connection

  /** A client has a connection. */
  opened(now: number): void {
    if (this.#phase === 'over') return;
    this.#phase = 'opened';
    this.hasLeft = false;
    this.#byeAfter = undefined;
    this.keepalive.open(now + this.#options.handshakeTimeout);
  }

  get #isUnstored(): boolean {
    return this.#stores?.hasInbox === true && !this.#stores.isStored;
  }
  /** Returns the code with which a server refuses a hello; undefined if it is welcome. */
  refusal(hello: ReceivedHello): number | undefined {
    const refusal = (this.#server as ServerHandshake).refusal(hello, this.#codec);
    // Another server may have welcomed a client that this one has not stored.
    return refusal === frames.WRONG_TOKEN && this.#isUnstored ? frames.TRY_AGAIN : refusal;
  }
  /**
   * A server has the hello of an authenticated client. Returns the {@link refusal} of the hello;
   * undefined if it is welcome: a connection in use is then replaced by the new one.
   *
   * @param expires The time until the credentials expire, in ms; undefined if they do not expire.
   */
  accept(hello: ReceivedHello, now: number, expires?: number): number | undefined {
    const server = this.#server as ServerHandshake;
    const refusal = this.refusal(hello);
    if (refusal !== undefined) return refusal;
    const codec = server.codecFor(hello, this.#codec) as SessionCodec;
    this.closed();
    const { rx, top } = this.incoming;
    this.#welcome = server.welcome(hello, codec, rx, top, expires, this.#isUnstored ? 0 : this.#options.window);
    // A stranger can send any number of hellos: nothing of it is stored before it has confirmed.
    if (server.record && this.#stores?.isStored) this.#stores.remember(server.record);
    this.#accepted(hello, codec, now, expires);
    return undefined;
  }
  /**
   * The handshake of a server has sent its first welcome before there was this session. So a client
   * that does not confirm it costs no session.
   */
  greeted(hello: ReceivedHello, codec: SessionCodec, now: number, expires?: number): void {
    this.#accepted(hello, codec, now, expires);
    this.#phase = 'greeted';
  }
  #accepted(hello: ReceivedHello, codec: SessionCodec, now: number, expires: number | undefined): void {
    this.#codec = codec;
    this.outgoing.codec ??= codec;
    this.outgoing.delivery = hello.delivery;
    this.#expiry.begin(expires, now);
    this.opened(now);
  }

  /** The connection has ended. */
  closed(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'closed';
    this.#isAgreementNew = false;
    this.#expiry.end();
    this.keepalive.stop();
    this.outgoing.detach();
    this.#decoder.detach();
  }

  /** The other side has sent a frame. */
  receive(frame: Body, now: number): void {
    if (this.#phase === 'closed' || this.#phase === 'over') return;
    this.keepalive.isHeard = true;
    try {
      if (frames.isAbove(frame, this.#options.maxFrame)) frames.invalid('the frame is too large');
      if (this.#decoder.isBusy) this.#decoder.wait(frame);
      else this.#read(frame, now);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The time of {@link timeout} has come. */
  tick(now: number): void {
    if (this.#phase === 'over') return;
    if (now >= this.incoming.ackAt) this.incoming.ackDelayed();
    if (now >= this.#expiry.at) this.#close(frames.EXPIRED, 'the credentials have expired');
    if (now < this.keepalive.checkAt || this.#phase === 'closed') return;
    if (this.#phase === 'opened' || this.#phase === 'greeted') this.#close(frames.HANDSHAKE_TIMEOUT, 'the handshake timed out');
    else if (!this.keepalive.check(now, this.outgoing.isWaiting, this.outgoing.acked, this.#options.measuresLatency !== false))
      this.#close(frames.SILENT, `the peer was silent for ${this.keepalive.limit} ms`);
  }

  #close(code: number, reason: string, isReported = false): void {
    this.closed();
    this.outputs.add({ kind: 'close', code, reason, isReported });
  }
  #fail(error: unknown): void {
    if (!(error instanceof Violation)) throw error;
    this.#close(error.code, error.message, error.isReported);
  }

  // ---- Frames of the other side

  #read(frame: Body, now: number): void {
    const isText = typeof frame === 'string';
    const ack = isText ? frames.readTextAck(frame) : undefined;
    if (ack) {
      if (this.#phase === 'greeted') this.#confirm(ack.done, now);
      this.#acknowledge(ack, now);
      return;
    }
    const batch = isText ? frames.readTextBatch(frame) : frames.readBinaryBatch(frame);
    if (batch) this.#arrived(batch, now);
    else this.#control(frames.readControl(frame as string), now);
  }
  #acknowledge(ack: ArrivedAck, now: number): void {
    const { outgoing } = this;
    outgoing.acknowledge(ack, now);
    if (this.keepalive.pingedAt !== undefined) this.outputs.add({ kind: 'latency', latency: this.keepalive.answered(now) });
    // An answer to a ping is progress while no message is in flight (section 9, rule 5).
    outgoing.hasProgress ||= this.keepalive.hasPinged && ack.done === outgoing.sent;
  }

  #control([kind, a, b, c, d]: readonly unknown[], now: number): void {
    if (kind === 'welcome' && this.#identity && this.#phase === 'greeted') {
      this.#welcomed(this.#identity, a, now);
      return;
    }
    if (kind === 'ack') {
      const ack = frames.readAck(a, b, c, 0);
      this.#confirm(ack.done, now);
      // The ack may confirm the handshake: only now both sides may have agreed to count.
      this.#acknowledge(this.#countsRejections ? frames.readAck(a, b, c, d) : ack, now);
      return;
    }
    if (kind === 'hello' || kind === 'welcome') frames.invalid('a handshake came twice');
    this.#confirm(-1, now);
    if (kind === 'ping') this.incoming.pinged(frames.wholeNumber(a));
    else if (kind === 'skip') this.incoming.skip(frames.readSkip(a));
    else if (kind === 'reject') this.outgoing.reject(frames.readRejectFrame(a), this.#countsRejections ? frames.wholeNumber(b) : undefined);
    else if (kind === 'bye') this.#byed(frames.wholeNumber(a), now);
    else if (kind === 'auth') this.#authenticated(a);
    else frames.invalid('the frame is unknown');
  }
  #byed(after: number, now: number): void {
    if (this.#identity) {
      this.returnAt = now + after;
      this.#phase = 'leaving';
      this.#byeAfter = 0;
      this.incoming.isAckDue ||= this.incoming.isAckOwed;
    } else if (this.#phase !== 'leaving' || after > 0) frames.invalid('the client sent a bye without a bye of the server');
    this.hasLeft = true;
    this.outputs.add({ kind: 'bye', after });
  }
  #authenticated(value: unknown): void {
    if (this.#identity) this.outputs.add({ kind: 'expires', after: frames.wholeNumber(value) });
    else this.outputs.add({ kind: 'auth', token: this.#expiry.read(value) });
  }

  // ---- Batches of the other side (section 6)

  #arrived(batch: ArrivedBatch, now: number): void {
    const { first, done } = batch;
    if (this.#phase === 'greeted') this.#confirm(done, now);
    // The ack is checked before the batch is used, and is applied after it.
    if (done > this.outgoing.sent) frames.invalid('an ack covers unsent messages');
    if (first > 0 && !this.incoming.arrived(batch)) {
      if (done >= 0) this.#acknowledge({ ...batch, rejections: 0 }, now);
      return;
    }
    const messages = this.#decoder.decode(this.#codec as SessionCodec, batch);
    if (messages !== 'later') this.#decoded(batch, messages, now);
  }
  /** @param messages Undefined if the batch cannot be decoded. */
  #decoded(batch: ArrivedBatch, messages: readonly Message[] | undefined, now: number): void {
    const { first, done } = batch;
    const { outgoing, incoming } = this;
    outgoing.hasProgress ||= messages !== undefined && outgoing.acked === outgoing.sent;
    if (first > 0) incoming.accept(batch, messages, this.peer, this.#decoder.failure);
    else if (messages) incoming.deliver(messages, this.peer);
    if (done >= 0) this.#acknowledge({ ...batch, rejections: 0 }, now);
  }
  /**
   * Answers an asynchronous `decode`. An answer without messages says that the body cannot be
   * decoded, because of this error.
   */
  decoded(id: number, messages: readonly Message[] | undefined, now: number, error?: unknown): void {
    if (this.#stores?.decoded(id, messages)) return;
    try {
      const decoded = this.#decoder.take(id, messages, error);
      if (!decoded) return;
      this.#decoded(decoded.batch, decoded.messages, now);
      for (let frame = this.#decoder.nextFrame(); frame !== undefined; frame = this.#decoder.nextFrame()) this.#read(frame, now);
    } catch (error) {
      this.#fail(error);
    }
  }
  /**
   * Answers an asynchronous `encode`. An answer without a body says that the messages cannot be
   * encoded.
   */
  encoded(id: number, body: Body | undefined): void {
    this.outgoing.encoded(id, body);
  }

  // ---- The end of the handshake (sections 4 and 7)

  #welcomed(identity: ClientIdentity, value: unknown, now: number): void {
    const { ticket } = identity;
    const isUnacked = this.outgoing.isPaused;
    // A client that starts again does not know whether an ack came behind its ticket.
    const welcome = readWelcome(value, identity, this.#options.codecs, isUnacked || this.peer === '');
    identity.ticket = welcome.ticket;
    if (!welcome.isResumed) {
      // A session that no ack has confirmed had no messages.
      if (ticket && identity.hasProgress && !isUnacked) this.outputs.add({ kind: 'forgotten' });
      if (this.#stores) this.#stores.beginSession(welcome.ticket.sid);
      else this.incoming.begin();
    }
    identity.hasProgress = true;
    this.#agree(welcome, now);
    this.#stores?.keepTicket(welcome.ticket);
    if (welcome.expires !== undefined) this.outputs.add({ kind: 'expires', after: welcome.expires });
  }

  /**
   * The first frame of a client after the welcome confirms it (rule 7 of the server).
   *
   * @param done The ack that this frame carries; -1 for none.
   */
  #confirm(done: number, now: number): void {
    if (this.#phase === 'agreed' || this.#phase === 'leaving') return;
    if (this.#phase !== 'greeted' || !this.#server) return frames.invalid('a frame arrived before the welcome');
    this.#agree(this.#server.confirm(done, this.outgoing.sent, this.#codec as SessionCodec), now);
    const { record } = this.#server;
    if (!record || !this.#stores) return;
    this.#stores.remember(record);
    this.#stores.keepTicket({ sid: record.sid, rt: '', former: [] });
  }

  #agree(agreement: Agreement, now: number): void {
    this.#phase = 'agreed';
    this.peer = agreement.id;
    this.#codec = agreement.codec;
    this.#countsRejections = agreement.counts;
    this.outgoing.attach(agreement);
    this.incoming.attach(agreement);
    this.keepalive.begin(agreement.pingInterval, now);
    if (this.#stores) this.#isAgreementNew = true;
    else this.#tellAgreement();
  }
  /** Messages may travel when what the handshake has changed is stored. */
  #tellAgreement(): void {
    this.#isAgreementNew = false;
    this.outputs.add({ kind: 'agreed' });
  }
}
