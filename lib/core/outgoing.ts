import { deliveryLevelOf } from '../message/deliveryLevelOf.js';
import { isExpired } from '../message/isExpired.js';
import type { Delivery, Message } from '../message/types.js';
import type { Agreement } from './clientHandshake.js';
import { MAX_BATCH } from '../message/messageLimits.js';
import { HEADER_ROOM, invalid, isAbove, skipFrames, unitsOf, type ArrivedAck } from './frameFormat.js';
import { MessageQueue, type QueueOwner } from './messageQueue.js';
import { LARGE, lastOf, newBatch, numbersFrom, sizeOf, skippedBatch, smallerBatches, USUAL_BATCH } from './outgoingBatch.js';
import type { OutgoingBatch } from './outgoingBatch.js';
import { PeerRejections } from './peerRejections.js';
import { SendWindow } from './sendWindow.js';
import { endOf } from './timeSteps.js';
import { NONE, pushed, type MessageOutcome, type Outputs, type SessionCodec, type CoreEvent, type CoreOptions } from './coreTypes.js';
import type { Body } from './storedTypes.js';
import type { NumberedRejection } from './rejection.js';
import { UnnumberedMessages } from './unnumberedMessages.js';
import type { ReceiptInterest } from './receiptInterest.js';

const NO_MESSAGES: ReadonlyMap<string, Message> = new Map();
/** All messages are checked at most once in this time, in ms. */
const EXPIRY_STEP = 50;

/** Asks what a durable outbox holds. */
export interface OutgoingOutbox {
  /** Returns whether the outbox holds a message. */
  keeps(id: string): boolean;
  /** Returns whether the outbox holds one of the messages, or is being given one. */
  mayKeep(messages: readonly Message[]): boolean;
}

/**
 * The sending half of a session: a message waits in the queue, gets a number in a batch, is
 * encoded, is in flight, and is acked (protocol, sections 5 and 7).
 */
export class Outgoing implements QueueOwner {
  /** The highest number that was sent, over any connection; and that was acked. */
  sent = 0;
  acked = 0;
  /**
   * The highest number that needs nothing more over this connection until its ack: it was sent, or
   * accepted before it opened, or acked.
   */
  tail = 0;
  /** The highest number that the other side had accepted when this connection began. */
  accepted = 0;
  interest: ReceiptInterest | undefined;
  /** The number of messages whose answers the application awaits: a session drains behind them. */
  unanswered = 0;
  /** Whether the session ends when all messages have their outcomes. */
  isDraining = false;
  /**
   * Whether the other side has done something of use over this connection: an ack, a batch that can
   * be decoded, or the answer to a ping.
   */
  hasProgress = false;
  /** The time of day at which a message that waits may expire; Infinity if none has a `ttl`. */
  nextExpiry = Infinity;
  /** Whether nothing with a number may be sent before an ack that says `acked` or more. */
  isPaused = false;
  codec: SessionCodec | undefined;
  /** Whether this side keeps messages for the next owner of its outbox, if it has one. */
  readonly outbox?: OutgoingOutbox;
  /** The level of messages that choose none. That of a server is the level of its client. */
  delivery: Delivery;
  /** The limits of the other side for a frame. */
  maxFrame: number;
  maxBatch = MAX_BATCH;
  protected readonly options: CoreOptions;
  protected readonly outputs: Outputs;
  /** All batches that are not acked, in order. */
  batches: OutgoingBatch[] = NONE;
  /** The highest number that is assigned. */
  last = 0;
  /** Whether `acked` is the `rx` of a discontinuity, and no such ack has come since. */
  hasRenumbered = false;
  /** All messages without an outcome, by id. */
  protected allPending: Map<string, Message> | undefined;
  #queue: MessageQueue | undefined;
  /** The messages without numbers, if there were any. */
  unnumbered: UnnumberedMessages | undefined;
  /** The number of messages that are gone, and whose numbers are still to be assigned. */
  protected gone = 0;
  /** The index of the next batch to send: those in front of it were sent, or accepted before. */
  #next = 0;
  /** Skips that go in front of the next batch. */
  #skips: string[] = NONE;
  /**
   * Over this connection, the messages up to this number were checked: those that had expired are
   * skipped.
   */
  protected checkedUpTo = 0;
  readonly window = new SendWindow();
  /** The limits of the other side that only the codec can check. */
  #codecLimits = '';
  readonly #rejections = new PeerRejections();

  constructor(options: CoreOptions, outputs: Outputs) {
    this.options = options;
    this.outputs = outputs;
    this.delivery = options.delivery;
    this.maxFrame = options.maxFrame;
  }

  /** The number of messages that have no number yet. */
  get queued(): number {
    return this.#queue?.size ?? 0;
  }
  /** Whether messages, or gaps of them, have no number yet. */
  get wantsNumbers(): boolean {
    return this.gone > 0 || (this.#queue !== undefined && this.#queue.size > 0);
  }
  /** All messages without an outcome, by id, in the order of arrival. */
  get pending(): ReadonlyMap<string, Message> {
    return this.allPending ?? NO_MESSAGES;
  }
  /** Whether all messages have their outcomes. */
  get isEmpty(): boolean {
    return this.pending.size === 0;
  }
  // ---- The application

  /** Adds a message. Returns false if a message with this id has no outcome yet. */
  send(message: Message): boolean {
    const pending = (this.allPending ??= new Map());
    if (pending.has(message.id)) return false;
    pending.set(message.id, message);
    if (message.ttl !== undefined) this.nextExpiry = Math.min(this.nextExpiry, endOf(message.ttl, message.timestamp));
    const { maxQueued, overflow } = this.options;
    const isNumbered = this.#levelOf(message) !== 'at-most-once';
    const queue = isNumbered ? (this.#queue ??= new MessageQueue()) : (this.unnumbered ??= new UnnumberedMessages(this)).queue;
    const dropped = queue.push(message, maxQueued, overflow);
    // The receiver learns how many messages it missed (section 5, rule 2).
    if (dropped && isNumbered && overflow !== 'error') this.gone++;
    if (dropped) this.end(dropped, overflow === 'error' ? 'overflow' : 'dropped');
    return true;
  }
  /** Whether a message has no outcome yet. Another one may have its id since it has one. */
  isOpen(message: Message): boolean {
    return this.allPending?.get(message.id) === message;
  }
  /** Ends all messages that have no outcome. */
  close(): void {
    for (const message of [...this.pending.values()]) this.end(message, 'closed');
  }

  // ---- Opening a connection (section 7)

  detach(): void {
    this.hasProgress = false;
    this.#skips = NONE;
    this.unnumbered?.detach();
  }

  /** Continues over a new connection. */
  attach({ rx, top, isKnown, isFresh, window, bytes, codec, limits }: Agreement): void {
    const isOtherCodec = this.codec !== undefined && this.codec.name !== codec.name && this.batches.length > 0;
    const codecLimits = [limits.maxDepth, limits.maxNodes, limits.maxSize].join();
    const hasOtherLimits = codec.within !== undefined && codecLimits !== this.#codecLimits;
    this.#codecLimits = codecLimits;
    this.codec = codec.within?.(limits) ?? codec;
    this.maxFrame = Math.min(this.options.maxFrame, limits.maxFrame ?? 1024 * 1024);
    this.maxBatch = Math.min(MAX_BATCH, limits.maxBatch ?? MAX_BATCH);
    this.checkedUpTo = 0;
    this.#rejections.attach();
    this.tail = this.accepted = rx;
    // The other side may have processed numbers that this side has lost: then `top` is above
    // `sent`.
    const isContinued = !isOtherCodec && (isKnown || this.sent === 0) && rx >= this.acked && rx <= this.sent && top <= this.sent;
    if (isContinued) this.reencode(rx, hasOtherLimits);
    else this.renumber(rx, top, isFresh);
    this.isPaused = window === 0 || this.hasRenumbered;
    this.window.open(this.acked, window, bytes);
    this.#next = 0;
    for (const batch of this.batches) {
      if (lastOf(batch) > rx) break;
      this.#next++;
      this.window.took(sizeOf(batch));
    }
  }

  /**
   * A discontinuity: the numbers of the two sides do not match. An exactly-once message that may
   * have arrived is in doubt. All other messages get new numbers.
   */
  protected renumber(rx: number, top: number, isFresh: boolean): void {
    // Those of the former numbering.
    const { sent, batches } = this;
    // Those that were sent wait again.
    this.nextExpiry = 0;
    this.batches = NONE;
    this.#rejections.clear();
    this.acked = this.last = rx;
    this.hasRenumbered = rx > 0;
    // Numbers that the other side has processed are not used again. They count as sent.
    while (this.last < top) this.#append(skippedBatch(this.last + 1, Math.min(MAX_BATCH, top - this.last)));
    this.sent = this.last;
    for (const batch of batches) {
      const { level } = batch;
      const messages = batch.messages.filter((message) => this.isOpen(message));
      const isInDoubt = level === 'exactly-once' && !isFresh && this.mayHaveArrived(top, batch, sent);
      if (isInDoubt) for (const message of messages) this.end(message, 'in-doubt');
      else this.appendAll(messages, batch);
    }
  }
  /** Whether a batch of the former numbering, up to `sent`, may have been processed. */
  protected mayHaveArrived(_top: number, batch: OutgoingBatch, sent: number): boolean {
    return lastOf(batch) <= sent;
  }

  /**
   * Batches that exceed the limits of this receiver are encoded again, under the same numbers
   * ("Limits of the receiver", rule 2).
   */
  protected reencode(rx: number, hasOtherLimits: boolean): void {
    const wrong = new Set(this.batches.filter((batch) => lastOf(batch) > rx && !this.mayBeSent(batch, rx, hasOtherLimits)));
    if (wrong.size === 0) return;
    this.batches = this.batches.flatMap((batch) => (wrong.has(batch) ? this.split(batch, rx) : [batch]));
  }
  protected mayBeSent(batch: OutgoingBatch, rx: number, hasOtherLimits: boolean): boolean {
    const { first, count, messages, body } = batch;
    if (messages.length === 0) return true;
    if (count > this.maxBatch) return false;
    // The first numbers of a batch were skipped before it was encoded.
    if (body === undefined) return first > rx;
    if (!this.fits(body)) return false;
    return !hasOtherLimits || !!this.encodeNow(messages, first);
  }

  /** Splits a batch into batches that may be sent, behind the part that is accepted. */
  protected split(batch: OutgoingBatch, rx: number): readonly OutgoingBatch[] {
    return smallerBatches(batch, rx, this.maxBatch, '');
  }
  /** Adds messages of one level in batches of at most `most`. */
  protected appendAll(all: readonly Message[], { level }: OutgoingBatch, most = this.maxBatch): void {
    for (let from = 0; from < all.length; from += most) this.#append(newBatch(this.last + 1, all.slice(from, from + most), level));
  }
  #append(batch: OutgoingBatch): OutgoingBatch {
    this.last = lastOf(batch);
    this.batches = pushed(this.batches, batch);
    return batch;
  }

  // ---- Frames to the other side

  /** Whether messages, or skips, wait to be sent. */
  get hasUnsent(): boolean {
    return this.unnumbered !== undefined || this.#next < this.batches.length || this.#skips.length > 0 || this.wantsNumbers;
  }

  /**
   * Returns the next batch, or a skip that goes before it; undefined if there is none, or no room
   * for it (section 5, rule 6). The caller sends the batch, and calls {@link markSent}; if it must
   * send something else first, it asks again.
   */
  next(now: number, date: number): OutgoingBatch | string | undefined {
    for (;;) {
      if (this.#skips.length > 0) return this.#skips.shift();
      if (this.#next >= this.batches.length && !this.wantsNumbers) return undefined;
      const batch = this.sendable(date);
      if (!batch) return undefined;
      // Its skips are sent directly in front of it: a codec may answer late.
      if (batch.body === undefined && batch.messages.length > 0) {
        if (!this.encode(batch)) return undefined;
        continue;
      }
      if (this.checkedUpTo >= batch.first) return batch;
      this.checkedUpTo = lastOf(batch);
      if (!this.#skip(batch, now, date)) return batch;
    }
  }
  /** Returns the next batch, if it may be sent, and the other side has room for it. */
  sendable(date: number): OutgoingBatch | undefined {
    if (this.isPaused) return undefined;
    // Without a batch in flight, a message is sent whatever the credit.
    const free = Math.max(this.tail <= this.acked ? 1 : 0, this.window.limit - this.last);
    const known = this.batches[this.#next];
    const batch = known ?? this.fill(free, date);
    if (!batch) return undefined;
    if (this.tail > this.acked && !this.window.hasRoom(lastOf(batch), sizeOf(batch))) {
      // Its messages may expire while it waits.
      this.checkedUpTo = Math.min(this.checkedUpTo, batch.first - 1);
      return undefined;
    }
    // Its messages have not expired: they have just got their numbers.
    if (!known && batch.messages.length > 0) this.checkedUpTo = this.last;
    return batch;
  }
  markSent(batch: OutgoingBatch, now: number): void {
    batch.sentAt = now;
    // Nothing of a batch that is skipped has to be encoded.
    batch.body ??= '';
    const messages = this.interest?.awaitsSteps() ? batch.messages.filter((message) => this.isOpen(message)) : NONE;
    if (messages.length > 0) this.outputs.add({ kind: 'sent', messages });
    this.#next++;
    this.window.took(sizeOf(batch));
    this.tail = lastOf(batch);
    this.sent = Math.max(this.sent, this.tail);
  }

  /**
   * Assigns numbers to the next messages of one level, at most `most` (section 5, rules 1 to 3).
   */
  fill(most: number, date: number): OutgoingBatch | undefined {
    const free = Math.min(this.maxBatch, most);
    while (free > 0 && this.wantsNumbers) {
      const first = this.last + 1;
      if (this.gone > 0) {
        const count = Math.min(free, this.gone);
        this.gone -= count;
        return this.#append(skippedBatch(first, count));
      }
      const messages = this.#queue?.take(Math.min(free, USUAL_BATCH), date, this) ?? NONE;
      if (messages[0]) return this.#append(newBatch(first, messages, this.#levelOf(messages[0])));
    }
    return undefined;
  }
  isAlike(message: Message, first: Message): boolean {
    return this.#levelOf(message) === this.#levelOf(first);
  }
  isGone(message: Message, date: number): boolean {
    return this.expire(message, date) && ++this.gone > 0;
  }

  /** Messages that have given their numbers back wait again. */
  protected putBack(messages: readonly Message[]): void {
    this.#queue?.putBack(messages.filter((message) => this.isOpen(message)));
  }

  /**
   * Skips the numbers of a batch whose messages have expired, or are gone (section 5, rule 7).
   * Returns whether there are any.
   */
  #skip(batch: OutgoingBatch, now: number, date: number): boolean {
    const { first, count } = batch;
    const start = Math.max(first, this.acked + 1);
    const isGone = (message: Message): boolean => !this.isOpen(message) || this.expire(message, date);
    const numbers = numbersFrom(start, batch, isGone);
    const last = numbers.at(-1);
    if (last === undefined) return false;
    if (numbers.length === first + count - start) this.markSent(batch, now);
    else this.sent = Math.max(this.sent, last);
    this.#skips = [...skipFrames(numbers, this.maxFrame)];
    return true;
  }

  /**
   * Returns how long the ack of a batch may wait, in units ("Acks that travel with batches", rule
   * 1).
   */
  waitOf({ body = '', messages }: OutgoingBatch): number {
    if (this.isDraining || body.length >= LARGE || this.interest?.awaitsAcks() || this.window.isLoaded(this.tail)) return 0;
    return unitsOf(this.options.ackDelayOf(messages));
  }

  // ---- Encoding

  /**
   * Encodes a batch. Returns false while its codec has not answered: otherwise the batch has its
   * body, or what cannot be sent was split, put back or given up.
   */
  encode(batch: OutgoingBatch): boolean {
    const body = this.encodeNow(batch.messages, batch.first);
    if (this.fits(body)) this.#setBody(batch, body);
    else if (body !== undefined) this.#refit(batch, body);
    return body !== undefined;
  }
  /** An accepted batch counts in the window since the connection began, then without its body. */
  #setBody(batch: OutgoingBatch, body: Body): void {
    batch.body = body;
    if (lastOf(batch) <= this.accepted) this.window.took(body.length);
  }
  /** Returns null if the messages cannot be encoded; undefined while the codec has not answered. */
  encodeNow(messages: readonly Message[], first: number): Body | null | undefined {
    try {
      return this.codec?.encode(messages, first, this.outputs);
    } catch {
      return null;
    }
  }
  fits(body: Body | null | undefined): body is Body {
    return body !== null && body !== undefined && !isAbove(body, this.maxFrame - HEADER_ROOM);
  }

  /** @param body Too large; null if there is none. */
  #refit(batch: OutgoingBatch, body: Body | null): void {
    const { first, count, messages, level } = batch;
    const index = this.batches.indexOf(batch);
    // A batch that the other side has accepted is not sent again.
    if (lastOf(batch) <= this.accepted) this.#setBody(batch, body ?? '');
    else if (index === this.batches.length - 1 && this.mayShorten(batch)) this.#shorten(batch);
    else if (count > 1) this.batches.splice(index, 1, ...smallerBatches(batch, 0, count >> 1));
    else {
      this.batches[index] = { first, count, messages: NONE, level, body: '', sentAt: batch.sentAt };
      this.skipLater(first, batch);
      this.end(messages[0] as Message, 'unsendable');
    }
  }
  /** Whether the messages of the last batch may give their numbers back. */
  protected mayShorten({ first }: OutgoingBatch): boolean {
    return first > this.sent;
  }
  /** A message of a batch has its outcome, and its number must be skipped. */
  protected skipLater(_number: number, { first }: OutgoingBatch): void {
    this.checkedUpTo = Math.min(this.checkedUpTo, first - 1);
  }
  /**
   * The last batch was never sent: its messages give their numbers back, until one is left whose
   * fault it is.
   */
  #shorten({ first, messages, level }: OutgoingBatch): void {
    this.batches.pop();
    this.last = first - 1;
    this.checkedUpTo = Math.min(this.checkedUpTo, first - 1);
    const half = messages.length >> 1;
    if (half === 0) this.end(messages[0] as Message, 'unsendable');
    else this.#append(newBatch(first, messages.slice(0, half), level));
    this.putBack(messages.slice(half));
  }

  // ---- Frames of the other side

  /** Takes rejections, see {@link PeerRejections.add}. */
  reject(rejections: readonly NumberedRejection[], before: number): void {
    this.#rejections.add(rejections, before, this.acked, this.sent);
  }
  /** Takes an ack. */
  acknowledge({ done, credit, delay, rejections = 0 }: ArrivedAck, now: number): void {
    if (done > this.sent) invalid('an ack covers unsent messages');
    if (rejections > 0) this.#rejections.check(rejections);
    if (done < this.acked) return;
    this.hasProgress ||= done > this.acked;
    let settled = 0;
    let latency: number | undefined;
    for (const batch of this.batches) {
      if (batch.first > done) break;
      latency = batch.sentAt === undefined ? undefined : Math.max(0, now - batch.sentAt - delay);
      this.#settle(batch, done, latency);
      if (batch.first + batch.count > done + 1) break;
      if (settled++ < this.#next) this.window.settled(sizeOf(batch));
    }
    if (settled === this.batches.length) this.batches = NONE;
    else if (settled > 0) this.batches.splice(0, settled);
    this.#next = Math.max(0, this.#next - settled);
    if (this.#rejections.byNumber) this.#rejections.forget(done);
    this.acked = done;
    this.tail = Math.max(this.tail, done);
    this.isPaused = this.hasRenumbered = false;
    this.window.acked(done, credit);
    if (latency !== undefined) this.outputs.add({ kind: 'latency', latency });
  }
  #settle({ first, messages }: OutgoingBatch, done: number, latency: number | undefined): void {
    const end = Math.min(messages.length, done + 1 - first);
    for (let index = Math.max(0, this.acked + 1 - first); index < end; index++) {
      const rejection = this.#rejections.byNumber && this.#rejections.of(first + index);
      this.end(messages[index] as Message, rejection?.kind ?? 'acked', rejection, latency);
    }
  }

  // ---- Outcomes

  #levelOf(message: Message): Delivery {
    return deliveryLevelOf(message, this.delivery);
  }
  /** Returns whether a message has expired, and gives it up. */
  expire(message: Message, date: number): boolean {
    if (message.ttl === undefined || !isExpired(message, date) || !this.isOpen(message)) return false;
    this.end(message, 'expired');
    return true;
  }
  /**
   * Gives up the messages that have expired and were never sent, with or without a connection. A
   * message that was sent waits for its ack, or for the next connection.
   */
  expireWaiting(date: number): void {
    let next = Infinity;
    const isGone = (message: Message): boolean => {
      const hasExpired = this.expire(message, date);
      if (message.ttl !== undefined && this.isOpen(message)) next = Math.min(next, endOf(message.ttl, message.timestamp));
      return hasExpired;
    };
    this.gone += this.#queue?.remove(isGone) ?? 0;
    this.unnumbered?.queue.remove(isGone);
    for (const batch of this.batches)
      for (const number of batch.messages === NONE ? NONE : numbersFrom(Math.max(batch.first, this.sent + 1), batch, isGone))
        this.skipLater(number, batch);
    this.nextExpiry = Math.max(next, date + EXPIRY_STEP);
  }
  end(message: Message, outcome: MessageOutcome, rejection?: NumberedRejection, latency?: number): void {
    if (!this.isOpen(message)) return;
    this.allPending?.delete(message.id);
    if (outcome === 'unsendable') this.#replace(message);
    const isTold = (outcome !== 'acked' && outcome !== 'sent') || this.isDraining || this.interest?.awaitsAcks();
    const event: CoreEvent | undefined = isTold ? { kind: 'outcome', message, outcome, rejection, latency } : undefined;
    this.conclude(message.id, event);
  }
  /** Tells an outcome. @param event Undefined if the application does not wait for it. */
  conclude(_id: string, event: CoreEvent | undefined): void {
    if (event) this.outputs.add(event);
  }
  /** Queues the messages that are sent next in place of one that cannot be. */
  #replace(message: Message): void {
    const standIns = this.options.standInsFor?.(message) ?? NONE;
    for (const standIn of standIns) this.allPending?.set(standIn.id, standIn);
    if (standIns.length > 0) (this.#queue ??= new MessageQueue()).putBack(standIns);
  }
}
