import type { Message } from '../message/types.js';
import { RefusedMessageDetector } from './refusedMessageDetector.js';
import { Outgoing, type OutgoingOutbox } from './outgoing.js';
import { lastOf, numbersFrom, smallerBatches, type OutgoingBatch } from './outgoingBatch.js';
import { NONE, pushed, type MessageOutcome, type Outputs, type CoreEvent, type CoreOptions } from './coreTypes.js';
import type { ArrivedAck } from './frameFormat.js';
import type { OutboxHead, SessionTicket, WriteFault } from './storedTypes.js';

/** The write that has no answer yet. */
interface Writing {
  readonly id: number;
  readonly head: OutboxHead;
  readonly batches: readonly OutgoingBatch[];
  /** The messages that the outbox did not hold before. */
  readonly added: ReadonlySet<string>;
  readonly replaces: boolean;
  /** The outcomes that the write stores. They are told with its answer. */
  readonly ends: readonly CoreEvent[];
  /** Whether the bodies of batches, or the numbers too, have changed since. */
  isStale: boolean;
  isRenumbered: boolean;
}

export interface StoreLimits {
  /** How many messages the outbox may hold. */
  readonly maxStored: number;
  /**
   * The size of their batches, in bytes. The last batch may exceed it; so may the batches of one
   * write, if the codec is asynchronous.
   * @default no limit
   */
  readonly maxBytes?: number;
}

export const EMPTY_OUTBOX: OutboxHead = { acked: 0, last: 0, mark: 0, skips: [], isPaused: false, codec: '' };

/**
 * A sending half that stores its messages until they are acked. There is one write at a time, and
 * it stores all that has changed since the one before it: so a later write never depends on an
 * earlier one without an answer.
 *
 * A message gets its number when it is stored, also without a connection. Nothing is sent that is
 * not stored, or whose number is above the stored mark: what lies above the mark was surely never
 * sent. An outcome of a message that the outbox holds is told when the outbox has removed the
 * message, or has stored that its number is skipped: no later owner gives it another one.
 */
export class StoredOutgoing extends Outgoing implements OutgoingOutbox {
  override readonly outbox = this;
  readonly #limits: StoreLimits;
  /** The head that the outbox surely holds. */
  #stored = EMPTY_OUTBOX;
  /** The numbers up to this one are stored, those of the present numbering. */
  #storedLast = 0;
  /** Whether the next write must replace all batches: before it, nothing is sent. */
  #mustReplace = false;
  /** The next write stores these. */
  #mark = 0;
  #ticket: SessionTicket | undefined;
  #skips = new Set<number>();
  #skipState: 'stored' | 'new' | 'writing' = 'stored';
  #ends: CoreEvent[] = NONE;
  #writing: Writing | undefined;
  /** How many messages the next write may add: fewer after a write without room. */
  #most = Infinity;
  /** The messages that the outbox holds. */
  readonly #kept = new Set<string>();
  /** The messages of a write that may be stored or not. */
  #doubtful: ReadonlySet<string> | undefined;
  #failures: RefusedMessageDetector | undefined;
  /** How many stored messages the other side has acked. */
  #ackedMessages = 0;
  /** The numbers up to this one were assigned by an earlier owner, who may have sent them. */
  #restoredLast = 0;

  constructor(options: CoreOptions, outputs: Outputs, limits: StoreLimits) {
    super(options, outputs);
    this.#limits = limits;
  }
  /**
   * Continues with what the outbox holds.
   *
   * @param batches Those from the number behind `head.acked` to `head.last`.
   */
  restore(head: OutboxHead, batches: OutgoingBatch[]): void {
    const { acked, last, mark, isPaused, skips, ticket } = head;
    this.acked = this.tail = acked;
    this.last = this.#storedLast = this.#restoredLast = last;
    this.sent = Math.max(acked, Math.min(mark, last));
    this.hasRenumbered = this.isPaused = isPaused;
    this.batches = batches;
    const pending = (this.allPending ??= new Map<string, Message>());
    const gone = (this.#skips = new Set(skips));
    for (const { first, messages } of batches)
      messages.forEach((message, index) => {
        if (first + index <= acked || gone.has(first + index)) return;
        pending.set(message.id, message);
        this.#kept.add(message.id);
      });
    // All messages are checked, which finds the time of the next check.
    this.nextExpiry = 0;
    this.#stored = head;
    this.#mark = mark;
    this.#ticket = ticket;
  }

  /** Whether a write has no answer yet. */
  get isWriting(): boolean {
    return this.#writing !== undefined;
  }
  /** Whether an outcome waits for a write. */
  get isBusy(): boolean {
    return this.isWriting || this.#ends.length > 0;
  }
  /**
   * Whether the handshake is stored: its ticket, and the new numbers. Before that, nothing is sent.
   */
  get isHandshakeStored(): boolean {
    return !this.#mustReplace && this.#stored.ticket === this.#ticket;
  }

  // ---- Sending

  override close(): void {
    for (const message of [...this.pending.values()]) {
      const outcome = this.#outcomeOf(message.id);
      if (outcome) this.end(message, outcome);
    }
  }
  /** Returns the outcome of a message at the end; undefined if the next owner has the message. */
  #outcomeOf(id: string): MessageOutcome | undefined {
    if (this.keeps(id) || this.#isBeingStored(id)) return undefined;
    return this.#doubtful?.has(id) ? 'in-doubt' : 'closed';
  }
  /** Assigns no numbers: messages get them when they can be stored. */
  override fill(): OutgoingBatch | undefined {
    return undefined;
  }
  override sendable(date: number): OutgoingBatch | undefined {
    const batch = super.sendable(date);
    return batch && this.maySend(batch) ? batch : undefined;
  }
  /** Whether a batch, or a skip of its numbers, may be sent. */
  maySend(batch: OutgoingBatch): boolean {
    const last = lastOf(batch);
    // A write without an answer may be stored or not.
    const mark = Math.min(this.#stored.mark, this.#writing?.head.mark ?? Infinity);
    if (this.#mustReplace || this.#skipState !== 'stored' || last > this.#storedLast || last > mark) return false;
    return batch.first > (this.#failures?.aloneUpTo ?? 0) || this.tail <= Math.max(this.acked, this.accepted);
  }
  /** The event of a message that the outbox holds waits for a write. */
  override conclude(id: string, event: CoreEvent | undefined): void {
    if (!this.#kept.delete(id) && !this.#isBeingStored(id)) {
      super.conclude(id, event);
      return;
    }
    if (isAcked(event)) this.#ackedMessages++;
    if (event) this.#ends = pushed(this.#ends, event);
  }
  #isBeingStored(id: string): boolean {
    return this.#writing?.added.has(id) === true;
  }
  keeps(id: string): boolean {
    return this.#kept.has(id);
  }
  mayKeep(messages: readonly Message[]): boolean {
    return messages.some(({ id }) => this.keeps(id) || this.#isBeingStored(id));
  }
  protected override mayShorten(batch: OutgoingBatch): boolean {
    return super.mayShorten(batch) && !this.mayKeep(batch.messages);
  }
  protected override skipLater(number: number, batch: OutgoingBatch): void {
    super.skipLater(number, batch);
    this.skip(number);
  }
  /** The number of a message with an outcome is not acked: this owner and the next ones skip it. */
  skip(number: number): void {
    this.#skips.add(number);
    this.#skipState = 'new';
  }
  protected override putBack(messages: readonly Message[]): void {
    for (const number of this.#skips) if (number > this.last) this.#skips.delete(number);
    super.putBack(messages);
  }
  override acknowledge(ack: ArrivedAck, now: number): void {
    super.acknowledge(ack, now);
    for (const number of this.#skips) if (number <= this.acked) this.#skips.delete(number);
    if (this.#failures && this.acked >= this.#failures.aloneUpTo) this.#failures.aloneUpTo = 0;
  }
  protected override mayHaveArrived(top: number, batch: OutgoingBatch, sent: number): boolean {
    return super.mayHaveArrived(top, batch, sent) || batch.first <= Math.min(top, this.#restoredLast);
  }
  #mustSplit(batch: OutgoingBatch): boolean {
    return this.#failures?.mustSplit(batch) === true;
  }
  protected override mayBeSent(batch: OutgoingBatch, rx: number, hasOtherLimits: boolean): boolean {
    return !this.#mustSplit(batch) && super.mayBeSent(batch, rx, hasOtherLimits);
  }
  /** An accepted batch gets a body, too: the next owner needs one. */
  protected override split(batch: OutgoingBatch, rx: number): readonly OutgoingBatch[] {
    return smallerBatches(batch, rx, this.#mustSplit(batch) ? 1 : this.maxBatch);
  }
  protected override appendAll(all: readonly Message[], batch: OutgoingBatch): void {
    super.appendAll(all, batch, this.#mustSplit(batch) ? 1 : this.maxBatch);
  }
  protected override renumber(rx: number, top: number, isFresh: boolean): void {
    super.renumber(rx, top, isFresh);
    this.#restoredLast = 0;
    this.reencoded();
    if (this.#writing) this.#writing.isRenumbered = true;
    this.#skips = new Set();
    this.#skipState = 'stored';
    this.#storedLast = 0;
    this.#mark = this.sent;
    if (this.#failures && this.#failures.aloneUpTo > 0) this.#failures.aloneUpTo = this.last;
  }
  protected override reencode(rx: number, hasOtherLimits: boolean): void {
    const { batches } = this;
    super.reencode(rx, hasOtherLimits);
    if (this.batches !== batches) this.reencoded();
  }
  /** Some batches have other bodies. */
  reencoded(): void {
    this.#mustReplace = true;
    if (this.#writing) this.#writing.isStale = true;
  }
  /** Takes the numbers above `last` back: nothing of them was sent. */
  #unnumber(last: number): void {
    const from = this.batches.findIndex(({ first }) => first > last);
    const taken = from < 0 ? NONE : this.batches.splice(from);
    this.last = last;
    this.checkedUpTo = Math.min(this.checkedUpTo, last);
    for (const { count, messages } of taken) if (messages.length === 0) this.gone += count;
    this.putBack(taken.flatMap(({ messages }) => messages));
  }

  // ---- Calls of the session

  /** Stores the ticket of a welcome, with the new numbers or after them. */
  keepTicket(ticket: SessionTicket): void {
    const { ticket: former } = this.#stored;
    const isSame = former?.sid === ticket.sid && former.rt === ticket.rt;
    this.#ticket = isSame ? former : ticket;
  }
  /**
   * The other side has closed the connection because of a message. Returns whether the client
   * connects again, also if the close code is final.
   *
   * @param reason What the sender of a message learns that is given up.
   */
  refused(code: string, reason: string): boolean {
    const { batches, accepted, tail, last } = this;
    // The first batch that was sent over this connection, and was not accepted before.
    const { first = Infinity, messages = NONE } = batches.find((batch) => lastOf(batch) > accepted) ?? {};
    if (first > tail) return false;
    const left = messages.filter((message) => this.isOpen(message));
    const result = (this.#failures ??= new RefusedMessageDetector()).refused(
      left.map(({ id }) => id),
      last,
      this.#ackedMessages,
    );
    const [message] = left;
    if (typeof result !== 'string' || !message) return result !== false;
    const number = first + messages.indexOf(message);
    this.skip(number);
    this.end(message, 'unsendable', { number, kind: 'refused', code, reason });
    return true;
  }

  /**
   * Numbers messages, and writes all that has changed, unless a write has no answer.
   *
   * @param isConnected Whether messages may travel.
   */
  prepare(date: number, isConnected: boolean): void {
    this.#number(date);
    const isEncoded = this.#encode();
    this.#raiseMark(date, isConnected);
    if (this.#writing || (this.#mustReplace && !isEncoded)) return;
    const batches = this.#mustReplace ? this.batches : this.#unstored();
    if (batches.length > 0 || this.#mustReplace || this.#hasNews()) this.#write(batches);
  }
  /** More messages join one batch if they get their numbers when they can be written. */
  #number(date: number): void {
    const { maxStored, maxBytes = Infinity } = this.#limits;
    if (this.#writing || this.#mustReplace || !this.wantsNumbers) return;
    let [stored, size] = [0, 0];
    if (this.queued > 0)
      for (const { messages, body = '' } of this.batches) {
        stored += messages.length;
        size += body.length;
      }
    if (size >= maxBytes) return;
    const last = Math.max(this.#storedLast, this.acked) + this.#most;
    // Numbers that are skipped take no room.
    while (stored < maxStored && this.last < last) {
      const batch = super.fill(Math.min(maxStored - stored, last - this.last), date);
      if (!batch) return;
      stored += batch.messages.length;
      const isKnown = batch.body !== undefined || this.encode(batch);
      if (isKnown && batch.body === undefined) return; // The batch did not fit, and became shorter.
      size += batch.body?.length ?? 0;
      if (size >= maxBytes) return;
    }
  }
  /** Encodes what is to be written. Returns whether all of it is encoded. */
  #encode(): boolean {
    for (let index = this.#mustReplace ? 0 : this.#firstUnstored(); index < this.batches.length;) {
      const batch = this.batches[index] as OutgoingBatch;
      if (batch.body !== undefined) index++;
      else if (!this.encode(batch)) return false;
    }
    return true;
  }
  #firstUnstored(): number {
    const { batches } = this;
    let index = batches.length;
    while (index > 0 && (batches[index - 1] as OutgoingBatch).first > this.#storedLast) index--;
    return index;
  }
  /** Returns the batches that are to be added, up to the first one without a body. */
  #unstored(): readonly OutgoingBatch[] {
    if (this.last <= this.#storedLast) return NONE;
    const batches = this.batches.slice(this.#firstUnstored());
    const end = batches.findIndex(({ body }) => body === undefined);
    return end < 0 ? batches : batches.slice(0, end);
  }
  /**
   * Raises the mark above the next batch, and by the window ahead. Without a connection, nothing
   * above `sent` was sent.
   */
  #raiseMark(date: number, isConnected: boolean): void {
    const batch = isConnected ? super.sendable(date) : undefined;
    if (!isConnected) this.#mark = Math.min(this.#mark, this.sent);
    if (!batch) return;
    for (const number of this.#expireIn(batch, date)) this.skip(number);
    const last = lastOf(batch);
    if (last > this.#mark) this.#mark = last + this.window.credit;
  }
  /** Gives up the messages of a batch that have expired. Returns their numbers. */
  #expireIn(batch: OutgoingBatch, date: number): readonly number[] {
    if (this.checkedUpTo >= batch.first || batch.messages.length === 0) return NONE;
    return numbersFrom(Math.max(batch.first, this.acked + 1), batch, (message) => this.expire(message, date));
  }
  #hasNews(): boolean {
    const { acked, mark, ticket } = this.#stored;
    if (this.#ends.length > 0 || this.#skipState === 'new') return true;
    return this.acked > acked || this.#mark > mark || this.#ticket !== ticket;
  }

  #write(batches: readonly OutgoingBatch[]): void {
    const { acked, hasRenumbered, codec } = this;
    const replaces = this.#mustReplace;
    const lastBatch = batches.at(-1);
    const last = Math.max(acked, replaces ? 0 : this.#storedLast, lastBatch ? lastOf(lastBatch) : 0);
    const head: OutboxHead = {
      acked,
      last,
      mark: this.#mark,
      // A number that is not stored may be given back.
      skips: [...this.#skips].filter((number) => number <= last),
      isPaused: hasRenumbered,
      codec: codec?.name ?? '',
      ticket: this.#ticket,
    };
    const stored = batches.map(({ first, count, body = '', level }) => ({ first, count, body, level }));
    const id = this.outputs.writeOutbox({ head, batches: stored, replaces });
    const ends = this.#ends;
    this.#ends = NONE;
    if (this.#skipState === 'new') this.#skipState = 'writing';
    const added = new Set<string>();
    for (const { messages } of batches) for (const { id } of messages) if (!this.#kept.has(id)) added.add(id);
    this.#writing = { id, head, batches: [...batches], added, replaces, ends, isStale: false, isRenumbered: false };
  }

  /**
   * Takes the answer of a write. Returns whether the session goes on; undefined if it is not the
   * write of this outbox.
   */
  answered(id: number, fault: WriteFault | undefined): boolean | undefined {
    const writing = this.#writing;
    if (writing?.id !== id) return undefined;
    this.#writing = undefined;
    if (fault === 'quota') return this.#takeBack(writing);
    if (fault) {
      this.#fail(writing, fault);
      return false;
    }
    const { head, replaces, isStale, isRenumbered, ends } = writing;
    this.#stored = head;
    if (!isRenumbered) this.#storedLast = head.last;
    if (replaces && !isStale) this.#mustReplace = false;
    if (this.#skipState === 'writing') this.#skipState = 'stored';
    this.#most *= 2;
    this.#keep(writing);
    for (const event of ends) this.outputs.add(event);
    return true;
  }
  #keep({ batches }: Writing): void {
    const stored: Message[] = [];
    for (const { messages } of batches)
      for (const message of messages) {
        if (!this.isOpen(message) || this.#kept.has(message.id)) continue;
        this.#kept.add(message.id);
        stored.push(message);
      }
    if (stored.length > 0 && this.interest?.awaitsSteps()) this.outputs.add({ kind: 'stored', messages: stored });
  }
  /**
   * The next owner decides about the messages that the outbox held before. It may find those of a
   * write that has failed.
   */
  #fail({ added }: Writing, fault: WriteFault): void {
    if (fault === 'failed') this.#doubtful = added;
    for (const event of this.#ends)
      if (event.kind === 'outcome' && added.has(event.message.id))
        this.outputs.add(fault === 'failed' ? { ...event, outcome: 'in-doubt' } : event);
    this.#ends = NONE;
  }
  /**
   * The outbox has nothing of the write. Fewer messages may have room, down to the one that has
   * none. Returns false if the session cannot go on.
   */
  #takeBack({ added, ends }: Writing): boolean {
    if (added.size === 0) return false;
    // The outbox does not hold these messages: their outcomes need no write.
    const isAdded = (event: CoreEvent): boolean => event.kind === 'outcome' && added.has(event.message.id);
    for (const event of this.#ends) if (isAdded(event)) this.outputs.add(event);
    this.#ends = [...ends, ...this.#ends.filter((event) => !isAdded(event))];
    if (this.#skipState === 'writing') this.#skipState = 'new';
    this.#most = Math.max(1, added.size >> 1);
    // They may have other numbers than in the write. Nothing of them was sent.
    const isOfWrite = ({ id }: Message): boolean => added.has(id);
    const batch = this.batches.find(({ messages }) => messages.some(isOfWrite));
    const [message] = batch?.messages.filter(isOfWrite) ?? [];
    if (message && added.size === 1) this.end(message, 'quota');
    if (batch) this.#unnumber(batch.first - 1);
    return true;
  }
}

/** Returns whether the other side has acked a message. The outcome `acked` may have no event. */
function isAcked(event: CoreEvent | undefined): boolean {
  return event?.kind !== 'outcome' || event.outcome === 'acked' || (event.rejection !== undefined && event.outcome !== 'unsendable');
}
