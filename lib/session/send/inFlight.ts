import type { SchedulerLike } from 'rxjs';
import { DecodeError, MessageRefusedError, ProtocolError } from '../../errors.js';
import { createRing, type Ring } from '../../internal/ring.js';
import { wallTime } from '../../internal/steadyScheduler.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { Frame } from '../../link/link.js';
import { isExpired } from '../../message/isExpired.js';
import type { Delivery, Message } from '../../message/types.js';
import type { Encoded } from '../encoding.js';
import { batchFrame, controlFrame, type Ack } from '../protocol/frames.js';
import type { FrameBatch } from '../store/outboxCalls.js';
import type { MessageStep } from '../sessionEvents.js';
import type { NumberedRejection, Rejection } from '../store/inbox.js';
import type { Load } from './ackWait.js';
import type { PendingMessages, ReceiptDetails } from './pendingMessages.js';

/** A numbered batch, which the sender keeps until it is acked. */
export interface Batch extends FrameBatch {
  /** Empty if the store has lost the messages: then the sender skips their numbers. */
  readonly messages: readonly Message[];
  /** Whether any of the messages has a ttl. */
  readonly mayExpire: boolean;
  /** The time at which the batch was sent last, by the clock of the sender. */
  sentAt: number;
}

/** Encodes numbered messages. */
export type MakeBatches = () => MaybeAsync<readonly Batch[]>;

/** A level of delivery whose messages have numbers. */
export type NumberedDelivery = FrameBatch['delivery'];

/** The number of the last message of a batch. */
export const lastOf = ({ first, count }: FrameBatch): number => first + count - 1;

export const isNumbered = (delivery: Delivery): delivery is NumberedDelivery => delivery !== 'at-most-once';

/** Returns batches for encoded messages. */
export function numbered(encoded: readonly Encoded[], delivery: NumberedDelivery): readonly Batch[] {
  return encoded.map(({ messages, body, first }) => {
    const count = messages.length;
    const mayExpire = messages.some(hasTtl);
    return { first, count, frame: batchFrame(first, count, body), delivery, messages, mayExpire, sentAt: 0 };
  });
}

export const hasTtl = ({ ttl }: Message): boolean => ttl !== undefined;

/** Creates a batch of numbers without messages. */
export function hole(first: number, count: number): Batch {
  const numbers = Array.from({ length: count }, (_, index) => first + index);
  return { first, count, frame: controlFrame('skip', numbers), delivery: 'at-least-once', messages: [], mayExpire: false, sentAt: 0 };
}

/** The limits of the other side for messages in flight. */
export interface Allowance {
  /** Messages. */
  readonly window: number;
  /** Bytes of frames. */
  readonly bytes: number;
}

/** Where batches are sent. */
export interface BatchTransport {
  sendBatch(batch: Batch): void;
  sendFrame(frame: Frame): void;
}

/**
 * The batches that have numbers and are stored, until they are acked; over one connection after the
 * other.
 */
export class InFlight {
  /** All numbers up to this one are acked. */
  acked = 0;
  /** The highest number that was sent, over any connection. */
  sent = 0;
  /** The highest number that was sent over this connection, or accepted or acked before. */
  tail = 0;
  /** The highest number that may be sent. */
  limit = 0;
  /** The highest number that may have been sent, as recorded in a persistent store. */
  marked = Infinity;
  /**
   * Called when the next message has a number above `marked`: {@link flush} is called again when
   * the store knows it.
   */
  onUnmarked: ((number: number) => void) | undefined;
  /** Bytes of frames that may be in flight. */
  bytesAllowed = 0;
  /** Bytes of all batches. */
  bytes = 0;
  /** The number of messages that were acked; without the numbers that were skipped. */
  settled = 0;
  /** The number of messages in all batches. A skipped number has no message. */
  count = 0;
  /** Bytes of the batches that were sent over this connection, or accepted before. */
  bytesSent = 0;
  /**
   * Whether the other side may still process messages that this sender does not know: then nothing
   * is sent until the other side has acked them.
   */
  isBusy = false;
  /** Whether the handshake granted nothing: then nothing is sent before the first ack. */
  isHeld = false;
  /**
   * Whether this connection has made progress: the other side has acked messages; or has sent some,
   * or has answered a ping, while it had nothing to ack. A welcome alone is none, as the other side
   * may be unable to process anything.
   */
  hasProgress = false;
  /** Whether the other side rejects the messages that it does not process. */
  reportsOutcomes = false;
  /**
   * Whether each batch waits for the ack of the one before it: the other side may close the
   * connection because of one of them.
   */
  isAlone = false;
  /** The highest number that {@link isAlone} concerns. */
  #aloneUntil = 0;
  /** The highest number that was accepted before this connection. */
  #accepted = 0;
  /** The rejections of messages whose acks are still to come. */
  #rejections: Map<number, Rejection> | undefined;
  /** Sent over this connection, or accepted before. */
  #flying: Ring<Batch> = createRing();
  /** Not sent over this connection yet. */
  #waiting: Ring<Batch> = createRing();
  #transport: BatchTransport | undefined;
  /** The value of `acked` when {@link isStuck} was called last. */
  #checked = 0;
  readonly #pending: PendingMessages;
  readonly #scheduler: SchedulerLike;
  readonly #codecName: () => string;

  constructor(pending: PendingMessages, scheduler: SchedulerLike, codecName: () => string) {
    this.#pending = pending;
    this.#scheduler = scheduler;
    this.#codecName = codecName;
  }

  /** Whether there is a connection. */
  get isAttached(): boolean {
    return this.#transport !== undefined;
  }

  /**
   * Begins behind `acked` with these batches, of which those up to `sent` may have been sent
   * before. A persistent store knows those up to `marked`.
   */
  begin(acked: number, sent: number, marked: number, batches: readonly Batch[]): void {
    this.#empty();
    this.acked = this.tail = acked;
    this.sent = sent;
    this.marked = marked;
    // The process that sent these batches had another clock.
    const now = this.#scheduler.now();
    for (const batch of batches) {
      batch.sentAt = now;
      this.#put(batch, acked);
    }
  }

  add(batch: Batch): void {
    this.#put(batch, this.acked);
  }

  /**
   * Returns how many messages may get a number to be sent at once, when `last` is the highest
   * number that was given: none while a batch waits.
   */
  room(last: number): number {
    return this.#transport && !this.isBusy && this.#waiting.size === 0 ? this.limit - last : 0;
  }

  /** Uses a connection: what the other side has not accepted is to be sent over it, in order. */
  attach(transport: BatchTransport, rx: number, { window, bytes }: Allowance): void {
    const batches = this.all();
    this.#empty();
    this.#transport = transport;
    this.tail = this.#accepted = rx;
    const last = batches.at(-1);
    this.#aloneUntil = last ? lastOf(last) : 0;
    this.limit = this.acked + window;
    this.isHeld = window === 0;
    this.bytesAllowed = bytes;
    for (const batch of batches) this.#put(batch, rx);
  }

  detach(): void {
    this.#transport = undefined;
    this.hasProgress = false;
  }

  /**
   * Sends the batches that the other side allows. A batch that is larger than the window is sent
   * when nothing else is in flight. If the handshake granted nothing, nothing is sent before the
   * first ack.
   */
  flush(): void {
    const transport = this.#transport;
    // A subscriber of a receipt may end the connection during this loop.
    while (transport && transport === this.#transport && !this.isBusy && !this.isHeld) {
      const batch = this.#waiting.peek();
      if (!batch) return;
      const last = batch.first + batch.count - 1;
      const bytesSent = this.bytesSent + batch.frame.length;
      if (this.#flying.size > 0 && (last > this.limit || bytesSent > this.bytesAllowed)) return;
      if (this.isAlone && this.tail > Math.max(this.acked, this.#accepted)) return;
      if (last > this.marked) {
        this.onUnmarked?.(last);
        return;
      }
      this.#waiting.shift();
      this.#flying.push(batch);
      this.bytesSent = bytesSent;
      this.tail = last;
      if (last > this.sent) this.sent = last;
      this.#transmit(batch, transport);
    }
  }

  /**
   * Settles all messages up to `done`. An ack below an earlier one changes nothing. Returns the
   * latency of the ack in ms, without the time that the receiver kept it back, or undefined when
   * the ack contains nothing new.
   *
   * @throws {ProtocolError} When `done` was never sent.
   */
  acknowledge({ done, credit, delay }: Ack): number | undefined {
    this.check(done);
    if (done < this.acked) return undefined;
    let latency: number | undefined;
    const now = this.#scheduler.now();
    for (let batch = this.#oldest(); batch && batch.first <= done; batch = this.#oldest()) {
      const { first, messages, sentAt } = batch;
      const end = Math.min(messages.length, done + 1 - first);
      latency = Math.max(0, now - sentAt - delay);
      const details = this.#pending.isWatched() ? this.#detailsOf(latency) : undefined;
      for (let index = Math.max(0, this.acked + 1 - first); index < end; index++)
        this.#settle(messages[index] as Message, first + index, details);
      if (lastOf(batch) > done) break;
      this.#remove(batch);
    }
    // A number without a message may be rejected, too.
    const rejections = this.#rejections;
    if (rejections) for (const number of rejections.keys()) if (number <= done) rejections.delete(number);
    this.isBusy = this.isHeld = false;
    this.acked = done;
    this.hasProgress ||= latency !== undefined;
    if (done >= this.#aloneUntil) this.isAlone = false;
    this.limit = this.acked + credit;
    return latency;
  }

  /**
   * Records that the receiver has not processed these messages. Their acks are still to come; an
   * earlier rejection of a number stays.
   */
  reject(rejections: readonly NumberedRejection[]): void {
    const known = (this.#rejections ??= new Map());
    for (const { number, ...rejection } of rejections)
      if (number > this.acked && number <= this.sent && !known.has(number)) known.set(number, rejection);
  }

  /** Whether the acks of rejected messages are still to come. */
  hasRejections(): boolean {
    return this.#rejections !== undefined && this.#rejections.size > 0;
  }

  /** @throws {ProtocolError} When `done` was never sent. */
  check(done: number): void {
    if (done > this.sent) throw new ProtocolError('an ack covers unsent messages');
  }

  /** Returns what is in flight over this connection, and its limits. */
  load(): Load {
    const { acked, tail, limit, bytesSent: bytes, bytesAllowed } = this;
    return { messages: tail - acked, window: limit - acked, bytes, bytesAllowed };
  }

  /** Records that the other side has sent a message, or has answered a ping. */
  noteProgress(): void {
    this.hasProgress ||= this.isQuiet();
  }

  /** Whether all messages that were sent are acked. */
  isQuiet(): boolean {
    return this.acked === this.sent;
  }

  /** Whether something is in flight, and nothing was acked since the last call. */
  isStuck(): boolean {
    const before = this.#checked;
    this.#checked = this.acked;
    return (this.sent > this.acked || this.isBusy) && this.acked === before;
  }

  /**
   * Returns the messages of each batch, and their latest step: whether the batch was sent, or
   * stored.
   */
  steps(): readonly MessageStep[] {
    // Only a persistent store knows a highest number.
    const unsent = this.marked < Infinity ? 'stored' : 'queued';
    return this.all().map((batch) => [lastOf(batch) <= this.sent ? 'sent' : unsent, batch.messages]);
  }

  /** The oldest batch that was sent over this connection and is not acked. */
  head(): Batch | undefined {
    for (const batch of this.#flying.values()) if (lastOf(batch) > this.#accepted) return batch;
    return undefined;
  }

  /** Replaces all batches by others that carry the same numbers. */
  swap(batches: readonly Batch[]): void {
    this.#empty();
    for (const batch of batches) this.#put(batch, this.acked);
  }

  /** All batches, in order. */
  all(): readonly Batch[] {
    return [...this.#flying.values(), ...this.#waiting.values()];
  }

  /** Removes and returns all batches. Numbers up to `acked` are done. */
  clear(acked: number): readonly Batch[] {
    const batches = this.all();
    this.#empty();
    this.#rejections = undefined;
    this.acked = this.sent = this.tail = acked;
    this.isBusy = acked > 0;
    return batches;
  }

  #detailsOf(latency: number): ReceiptDetails {
    return this.reportsOutcomes ? { latency, outcome: 'processed' } : { latency };
  }

  /** Closes an acked message with its outcome. */
  #settle({ id }: Message, number: number, details: ReceiptDetails | undefined): void {
    this.settled++;
    const rejection = this.#rejections?.get(number);
    if (!rejection) {
      this.#pending.close(id, 'acked', details);
      return;
    }
    const { kind, code, reason } = rejection;
    if (kind === 'dead-lettered') this.#pending.close(id, 'acked', { ...details, outcome: kind });
    else if (kind === 'refused') this.#pending.close(id, kind, { error: new MessageRefusedError(id, code, reason) });
    else
      this.#pending.close(id, 'dead', { error: new DecodeError(this.#codecName(), `the receiver cannot decode the message: ${reason}`) });
  }

  #transmit(batch: Batch, transport: BatchTransport): void {
    batch.sentAt = this.#scheduler.now();
    const skipped = batch.mayExpire ? this.#expire(batch, wallTime(this.#scheduler)) : undefined;
    // A batch that is sent again may contain messages that have their last receipts.
    if (this.#pending.isWatched()) for (const { id } of batch.messages) if (this.#pending.byId.has(id)) this.#pending.note(id, 'sent');
    if (transport !== this.#transport) return;
    if (skipped) transport.sendFrame(skipped.frame);
    if (!skipped || skipped.count < batch.count) transport.sendBatch(batch);
  }

  /**
   * Drops the expired messages of a batch. Returns the skip frame for their numbers, or undefined
   * when none has expired.
   */
  #expire({ first, messages }: Batch, now: number): { readonly frame: Frame; readonly count: number } | undefined {
    const numbers: number[] = [];
    messages.forEach((message, index) => {
      // A message that has its last receipt has expired before, also when the date has stepped back
      // since.
      if (this.#pending.byId.has(message.id) && !isExpired(message, now)) return;
      this.#pending.drop(message.id, 'expired');
      numbers.push(first + index);
    });
    return numbers.length > 0 ? { frame: controlFrame('skip', numbers), count: numbers.length } : undefined;
  }

  /** Adds a batch. One that was accepted is not sent again: its ack is still to come. */
  #put(batch: Batch, rx: number): void {
    const { length } = batch.frame;
    const isAccepted = lastOf(batch) <= rx;
    (isAccepted ? this.#flying : this.#waiting).push(batch);
    this.bytes += length;
    this.count += batch.messages.length;
    if (isAccepted) this.bytesSent += length;
  }

  /**
   * The oldest batch. It is among those that wait when an owner of the outbox before this one has
   * sent it, and its ack comes before this one may send.
   */
  #oldest(): Batch | undefined {
    return this.#flying.peek() ?? this.#waiting.peek();
  }

  #remove({ frame: { length }, messages }: Batch): void {
    if (this.#flying.shift()) this.bytesSent -= length;
    else this.#waiting.shift();
    this.bytes -= length;
    this.count -= messages.length;
  }

  #empty(): void {
    this.#flying = createRing();
    this.#waiting = createRing();
    this.bytes = this.bytesSent = this.count = 0;
  }
}
