import { GAP } from '../message/closeCode.js';
import type { Message } from '../message/types.js';
import { MAX_BATCH } from '../message/messageLimits.js';
import { invalid, isAbove, MAX_ACK_DELAY, MAX_REJECTIONS, Violation, type ArrivedBatch } from './frameFormat.js';
import { ReceiveProgress } from './receiveProgress.js';
import { rejectionFields, type Rejection } from './rejection.js';
import { NONE, type Outputs, type CoreOptions } from './coreTypes.js';
import type { Cursor } from './storedTypes.js';

/** The maximum number of batches before an ack is sent, whatever wait they allow. */
const MAX_UNACKED_BATCHES = 64;

/**
 * The receiving half of a session: a message is accepted, delivered, processed, and acked
 * (protocol, section 6).
 */
export class Incoming {
  /** The progress of the current numbering of the other side. */
  progress = new ReceiveProgress();
  /** Whether an ack is to be sent, with the next batch or alone. */
  isAckOwed = false;
  /** Whether it must be sent at once. */
  isAckDue = false;
  /** The time at which the waiting ack must be sent. */
  ackAt = Infinity;
  protected readonly options: CoreOptions;
  protected readonly outputs: Outputs;
  #rx = 0;
  /** The numbers above `rx` that the other side will not send. */
  #skipped: Set<number> | undefined;
  /** The last number, then the size, of each batch that is perhaps not processed yet. */
  #accepted: number[] = NONE;
  #acceptedSize = 0;
  // The ack policy.
  #ackedDone = 0;
  /** The highest number whose ack must not wait. */
  #promptUpTo = 0;
  /** How long the ack may wait, in ms: the minimum of the waits of the batches without an ack. */
  #wait = 0;
  #unackedBatches = 0;
  /** The time at which the last message was processed whose ack waits. */
  #processedAt = Infinity;
  /**
   * How many rejections of the progress were sent over this connection; how many in all; the
   * highest of their numbers.
   */
  #told = 0;
  #rejected = 0;
  #lastRejected = 0;

  constructor(options: CoreOptions, outputs: Outputs) {
    this.options = options;
    this.outputs = outputs;
  }

  /** The highest number that is accepted. */
  get rx(): number {
    return this.#rx;
  }
  /** The highest number that is accepted or processed. */
  get top(): number {
    return Math.max(this.#rx, this.progress.top);
  }
  /** Whether all accepted messages are processed and acked. */
  get isDrained(): boolean {
    return this.progress.done === this.#rx && !this.isAckOwed && !this.isAckDue;
  }
  /** Numbers further away than this are not in use. */
  get #reach(): number {
    return Math.max(this.options.window, MAX_BATCH);
  }

  /**
   * Begins with another numbering: messages that are not processed yet belong to the former
   * progress.
   *
   * @param key The key of the numbering in an inbox.
   * @param cursor Its stored progress.
   */
  begin(key: string, cursor?: Cursor): void {
    this.progress = new ReceiveProgress(cursor, key);
    this.#rx = this.#ackedDone = this.progress.done;
    this.#promptUpTo = this.#acceptedSize = 0;
    this.#accepted = NONE;
    this.#skipped = undefined;
  }
  /**
   * Begins a connection. Its first ack does not wait, and rejections are sent again. The other side
   * skips numbers again, too, unless its store was rolled back: then it may use them.
   */
  attach(): void {
    this.#told = this.#rejected = this.#lastRejected = 0;
    this.#skipped = undefined;
    this.#processedAt = this.ackAt = Infinity;
    this.demandAck();
  }

  // ---- Batches and skips of the other side

  /**
   * Takes the numbers of a batch, before it is decoded: finds a gap, and decides how long the ack
   * may wait. Returns whether the batch has anything new.
   *
   * @throws {Violation} If there is a gap.
   */
  arrived({ first, count, wait }: ArrivedBatch): boolean {
    const last = first + count - 1;
    const isRepeat = last <= this.#rx;
    if (!isRepeat && first > this.#rx + 1) throw new Violation(GAP, 'messages are missing');
    if (isRepeat || wait === 0) {
      this.#promptUpTo = Math.max(this.#promptUpTo, last);
      this.demandAck();
    } else {
      this.#wait = this.#unackedBatches === 0 ? wait : Math.min(wait, this.#wait);
      if (++this.#unackedBatches >= MAX_UNACKED_BATCHES) this.demandAck();
    }
    return !isRepeat;
  }

  /**
   * Accepts a batch, and delivers its messages.
   *
   * @param messages Undefined if the batch is set aside, because it cannot be decoded.
   * @param source The source of messages that have none.
   * @param failure Why, and how often, the batch could not be decoded.
   */
  accept(
    { first, count, body }: ArrivedBatch,
    messages: readonly Message[] | undefined,
    source: string,
    failure?: { readonly attempts: number; readonly error: unknown },
  ): void {
    const last = first + count - 1;
    this.#checkWindow(first, last, body.length);
    const { progress } = this;
    const undecoded: number[] = messages ? NONE : [];
    for (let number = this.#rx + 1; number <= last; number = this.#rx + 1) {
      this.#rx = number;
      // A message that was processed before a restart is not delivered again.
      const isNew = !progress.has(number);
      if (isNew && messages)
        this.outputs.add({ kind: 'message', message: withSource(messages[number - first] as Message, source), number, progress });
      else if (isNew) undecoded.push(number);
      if (this.#skipped) this.#takeSkipped();
    }
    if (undecoded.length === 0) return;
    const { error, attempts = 0 } = failure ?? {};
    this.outputs.add({ kind: 'undecodable', numbers: undecoded, first, count, body, error, attempts, progress });
  }
  /** Delivers messages without numbers. */
  acceptUnnumbered(messages: readonly Message[], source: string): void {
    const { progress } = this;
    for (const message of messages) this.outputs.add({ kind: 'message', message: withSource(message, source), number: 0, progress });
  }

  #checkWindow(first: number, last: number, size: number): void {
    const { done } = this.progress;
    const accepted = this.#accepted;
    let processed = 0;
    for (; processed < accepted.length && (accepted[processed] as number) <= done; processed += 2)
      this.#acceptedSize -= accepted[processed + 1] as number;
    if (processed === accepted.length) this.#accepted = [last, size];
    else {
      if (processed > 0) accepted.splice(0, processed);
      accepted.push(last, size);
    }
    this.#acceptedSize += size;
    const { window, bytes } = this.options;
    if (first > done + 1 && (last > done + window || this.#acceptedSize > bytes)) invalid('the batch exceeds the window');
  }

  /** Answers a ping, and finds frames that were lost (rule 5). */
  pinged(sent: number): void {
    if (sent > this.#rx) throw new Violation(GAP, 'messages are missing');
    this.demandAck();
  }
  /** Remembers numbers that the other side will not send (rule 3). */
  skip(numbers: readonly number[]): void {
    const limit = this.progress.done + this.#reach;
    if (numbers.some((number) => number > limit)) invalid('the skip exceeds the window');
    for (const number of numbers) if (number > this.#rx) (this.#skipped ??= new Set()).add(number);
    this.#takeSkipped();
    this.demandAck();
  }
  #takeSkipped(): void {
    const { progress } = this;
    let missed = 0;
    let hasMoved = false;
    while (this.#skipped?.delete(this.#rx + 1)) {
      const number = ++this.#rx;
      hasMoved = true;
      // A message that was processed before a restart is not missed.
      if (progress.has(number)) continue;
      missed++;
      this.miss(number);
    }
    if (this.#skipped?.size === 0) this.#skipped = undefined;
    if (hasMoved) this.demandAck();
    if (missed > 0) this.outputs.add({ kind: 'missed', count: missed });
  }

  /** A number will not come: it counts as processed. */
  protected miss(number: number): void {
    this.progress.add(number);
  }

  // ---- Acks and rejections to the other side

  /** Records that a message is processed, or rejected. */
  processed(number: number, progress: ReceiveProgress, now: number, rejection?: Rejection): void {
    if (number === 0) return;
    progress.add(number, rejection);
    if (progress !== this.progress || progress.done <= this.#ackedDone) return;
    // Messages that were processed before a restart are accepted with those in front of them.
    while (this.#rx < progress.done) {
      this.#rx++;
      this.#skipped?.delete(this.#rx);
    }
    if (this.#skipped) this.#takeSkipped();
    if (rejection || this.#ackedDone < this.#promptUpTo) this.demandAck();
    this.isAckOwed = true;
    this.#processedAt = now;
    if (!this.isAckDue) this.ackAt = Math.min(this.ackAt, now + this.#wait);
  }
  /** Demands that an ack is sent at once. */
  demandAck(): void {
    this.isAckOwed = this.isAckDue = true;
  }
  /** The time of the waiting ack has come. */
  ackDelayed(): void {
    this.ackAt = Infinity;
    this.isAckDue = true;
  }

  /** Returns the next frame of rejections. They go in front of the ack of their numbers. */
  rejectFrame(maxFrame: number): string | undefined {
    const { rejections } = this.progress;
    if (rejections.length === 0) return undefined;
    const known = this.#rx - this.#reach;
    while (rejections[0] && rejections[0].number <= known) {
      rejections.shift();
      this.#told = Math.max(0, this.#told - 1);
    }
    if (this.#told >= rejections.length) return undefined;
    const group = rejections.slice(this.#told, this.#told + MAX_REJECTIONS).map(rejectionFields);
    const frameOf = (): string => JSON.stringify(['reject', group, this.#rejected]);
    let frame = frameOf();
    for (; group.length > 1 && isAbove(frame, maxFrame); frame = frameOf()) group.pop();
    // One that is too large for a frame goes without its reason.
    if (isAbove(frame, maxFrame)) group.forEach(([number, kind, code], index) => (group[index] = [number, kind, code, '']));
    if (isAbove(frame, maxFrame)) frame = frameOf();
    for (const [number] of group) this.#lastRejected = Math.max(this.#lastRejected, number);
    this.#told += group.length;
    this.#rejected += group.length;
    return frame;
  }
  /**
   * Whether an ack must say how many rejections went before it, until the other side has surely
   * received such an ack. It travels alone.
   */
  get mustCountRejections(): boolean {
    return this.#rejected > 0 && this.#lastRejected > this.#rx - this.#reach;
  }
  /** Returns an ack that travels alone. */
  ackFrame(now: number): string {
    const delay = this.delay(now);
    const rejected = this.#rejected > 0 && this.mustCountRejections ? this.#rejected : 0;
    const rest = rejected > 0 ? `,${delay},${rejected}` : delay > 0 ? `,${delay}` : '';
    return `["ack",${this.ackSent()},${this.options.window}${rest}]`;
  }
  /** Returns how long the ack that is sent now was held back, in ms. */
  delay(now: number): number {
    return this.#processedAt < now ? Math.min(MAX_ACK_DELAY, Math.floor(now - this.#processedAt)) : 0;
  }
  /** Records that an ack is sent. Returns its `done`. */
  ackSent(): number {
    this.isAckOwed = this.isAckDue = false;
    this.ackAt = this.#processedAt = Infinity;
    // The wait of a batch that is not processed yet still counts.
    this.#unackedBatches = this.progress.done < this.#rx ? Math.min(1, this.#unackedBatches) : 0;
    return (this.#ackedDone = this.progress.done);
  }
}

/** Sets the source of a message that the codec has just made. */
function withSource(message: Message, source: string): Message {
  (message as { source: string }).source ||= source;
  return message;
}
