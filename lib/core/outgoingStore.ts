import type { Message } from '../message/types.js';
import { RefusedMessageDetector } from './refusedMessageDetector.js';
import type { Outgoing } from './outgoing.js';
import { lastOf, type OutgoingBatch, type OutgoingOutbox } from './outgoingBatch.js';
import { NONE, pushed, type MessageOutcome, type Outputs, type CoreEvent } from './coreTypes.js';
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
 * Stores the messages of {@link Outgoing} until they are acked. There is one write at a time, and
 * it stores all that has changed since the one before it: so a later write never depends on an
 * earlier one without an answer.
 *
 * A message gets its number when it is stored, also without a connection. Nothing is sent that is
 * not stored, or whose number is above the stored mark: what lies above the mark was surely never
 * sent. An outcome of a message that the outbox holds is told when the outbox has removed the
 * message, or has stored that its number is skipped: no later owner gives it another one.
 */
export class OutgoingStore implements OutgoingOutbox {
  readonly #outgoing: Outgoing;
  readonly #outputs: Outputs;
  readonly #limits: StoreLimits;
  /** The head that the outbox surely holds. */
  #stored: OutboxHead;
  /** The numbers up to this one are stored, those of the present numbering. */
  #storedLast: number;
  /** Whether the next write must replace all batches: before it, nothing is sent. */
  #mustReplace = false;
  /** The next write stores these. */
  #mark: number;
  #ticket: SessionTicket | undefined;
  #skips: Set<number>;
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
  #acked = 0;

  /**
   * @param head What the outbox holds, with the messages of its batches.
   */
  constructor(outgoing: Outgoing, outputs: Outputs, head: OutboxHead, limits: StoreLimits) {
    this.#outgoing = outgoing;
    this.#outputs = outputs;
    this.#limits = limits;
    this.#stored = head;
    this.#storedLast = head.last;
    this.#mark = head.mark;
    this.#ticket = head.ticket;
    this.#skips = new Set(head.skips);
    for (const { messages } of outgoing.batches) for (const message of messages) if (outgoing.isOpen(message)) this.#kept.add(message.id);
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

  // ---- Calls of the sending half

  /** Whether a batch, or a skip of its numbers, may be sent. */
  maySend(batch: OutgoingBatch): boolean {
    const last = lastOf(batch);
    const { acked, accepted, tail } = this.#outgoing;
    // A write without an answer may be stored or not.
    const mark = Math.min(this.#stored.mark, this.#writing?.head.mark ?? Infinity);
    if (this.#mustReplace || this.#skipState !== 'stored' || last > this.#storedLast || last > mark) return false;
    return batch.first > (this.#failures?.aloneUpTo ?? 0) || tail <= Math.max(acked, accepted);
  }
  /** A message has its outcome. Returns whether its event waits for a write. */
  ended(id: string, event: CoreEvent | undefined): boolean {
    if (!this.#kept.delete(id) && !this.#isBeingStored(id)) return false;
    if (isAcked(event)) this.#acked++;
    if (event) this.#ends = pushed(this.#ends, event);
    return true;
  }
  #isBeingStored(id: string): boolean {
    return this.#writing?.added.has(id) === true;
  }
  /** Whether the outbox holds a message. */
  keeps(id: string): boolean {
    return this.#kept.has(id);
  }
  /** Whether the outbox holds a message, or is being given one. */
  mayKeep(messages: readonly Message[]): boolean {
    return messages.some(({ id }) => this.keeps(id) || this.#isBeingStored(id));
  }
  outcomeOf(id: string): MessageOutcome | undefined {
    if (this.keeps(id) || this.#isBeingStored(id)) return undefined;
    return this.#doubtful?.has(id) ? 'in-doubt' : 'closed';
  }
  /** The number of a message with an outcome is not acked: this owner and the next ones skip it. */
  skip(number: number): void {
    this.#skips.add(number);
    this.#skipState = 'new';
  }
  tookBack(last: number): void {
    for (const number of this.#skips) if (number > last) this.#skips.delete(number);
  }
  acknowledged(): void {
    const { acked } = this.#outgoing;
    for (const number of this.#skips) if (number <= acked) this.#skips.delete(number);
    if (this.#failures && acked >= this.#failures.aloneUpTo) this.#failures.aloneUpTo = 0;
  }
  /** All messages have other numbers. */
  renumbered(): void {
    this.reencoded();
    if (this.#writing) this.#writing.isRenumbered = true;
    this.#skips = new Set();
    this.#skipState = 'stored';
    this.#storedLast = 0;
    this.#mark = this.#outgoing.sent;
    if (this.#failures && this.#failures.aloneUpTo > 0) this.#failures.aloneUpTo = this.#outgoing.last;
  }
  /** Some batches have other bodies. */
  reencoded(): void {
    this.#mustReplace = true;
    if (this.#writing) this.#writing.isStale = true;
  }
  mustSplit(batch: OutgoingBatch): boolean {
    return this.#failures?.mustSplit(batch) === true;
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
    const { batches, accepted, tail, last } = this.#outgoing;
    // The first batch that was sent over this connection, and was not accepted before.
    const { first = Infinity, messages = NONE } = batches.find((batch) => lastOf(batch) > accepted) ?? {};
    if (first > tail) return false;
    const left = messages.filter((message) => this.#outgoing.isOpen(message));
    const result = (this.#failures ??= new RefusedMessageDetector()).refused(
      left.map(({ id }) => id),
      last,
      this.#acked,
    );
    const [message] = left;
    if (typeof result !== 'string' || !message) return result !== false;
    const number = first + messages.indexOf(message);
    this.skip(number);
    this.#outgoing.end(message, 'unsendable', [number, 'refused', code, reason]);
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
    const batches = this.#mustReplace ? this.#outgoing.batches : this.#unstored();
    if (batches.length > 0 || this.#mustReplace || this.#hasNews()) this.#write(batches);
  }
  /** More messages join one batch if they get their numbers when they can be written. */
  #number(date: number): void {
    const outgoing = this.#outgoing;
    const { maxStored, maxBytes = Infinity } = this.#limits;
    if (this.#writing || this.#mustReplace || !outgoing.wantsNumbers) return;
    let [stored, size] = [0, 0];
    if (outgoing.queued > 0)
      for (const { messages, body = '' } of outgoing.batches) {
        stored += messages.length;
        size += body.length;
      }
    if (size >= maxBytes) return;
    const last = Math.max(this.#storedLast, outgoing.acked) + this.#most;
    // Numbers that are skipped take no room.
    while (stored < maxStored && outgoing.last < last) {
      const batch = outgoing.fill(Math.min(maxStored - stored, last - outgoing.last), date);
      if (!batch) return;
      stored += batch.messages.length;
      const isKnown = batch.body !== undefined || (outgoing.codec?.isAsync !== true && outgoing.encode(batch));
      if (isKnown && batch.body === undefined) return; // The batch did not fit, and became shorter.
      size += batch.body?.length ?? 0;
      if (size >= maxBytes) return;
    }
  }
  /** Encodes what is to be written. Returns whether all of it is encoded. */
  #encode(): boolean {
    const outgoing = this.#outgoing;
    for (let index = this.#mustReplace ? 0 : this.#firstUnstored(); index < outgoing.batches.length;) {
      const batch = outgoing.batches[index] as OutgoingBatch;
      if (batch.body !== undefined) index++;
      else if (!outgoing.encode(batch)) return false;
    }
    return true;
  }
  #firstUnstored(): number {
    const { batches } = this.#outgoing;
    let index = batches.length;
    while (index > 0 && (batches[index - 1] as OutgoingBatch).first > this.#storedLast) index--;
    return index;
  }
  /** Returns the batches that are to be added, up to the first one without a body. */
  #unstored(): readonly OutgoingBatch[] {
    if (this.#outgoing.last <= this.#storedLast) return NONE;
    const batches = this.#outgoing.batches.slice(this.#firstUnstored());
    const end = batches.findIndex(({ body }) => body === undefined);
    return end < 0 ? batches : batches.slice(0, end);
  }
  /**
   * Raises the mark above the next batch, and by the window ahead. Without a connection, nothing
   * above `sent` was sent.
   */
  #raiseMark(date: number, isConnected: boolean): void {
    const outgoing = this.#outgoing;
    const batch = isConnected ? outgoing.sendable(date) : undefined;
    if (!isConnected) this.#mark = Math.min(this.#mark, outgoing.sent);
    if (!batch) return;
    for (const number of outgoing.expireIn(batch, date)) this.skip(number);
    const last = lastOf(batch);
    if (last > this.#mark) this.#mark = last + outgoing.window.credit;
  }
  #hasNews(): boolean {
    const { acked, mark, ticket } = this.#stored;
    if (this.#ends.length > 0 || this.#skipState === 'new') return true;
    return this.#outgoing.acked > acked || this.#mark > mark || this.#ticket !== ticket;
  }

  #write(batches: readonly OutgoingBatch[]): void {
    const { acked, hasRenumbered, codec } = this.#outgoing;
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
    const id = this.#outputs.writeOutbox({ head, batches: stored, replaces });
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
    for (const event of ends) this.#outputs.add(event);
    return true;
  }
  #keep({ batches }: Writing): void {
    const stored: Message[] = [];
    for (const { messages } of batches)
      for (const message of messages) {
        if (!this.#outgoing.isOpen(message) || this.#kept.has(message.id)) continue;
        this.#kept.add(message.id);
        stored.push(message);
      }
    if (stored.length > 0 && this.#outgoing.interest?.awaitsSteps()) this.#outputs.add({ kind: 'stored', messages: stored });
  }
  /**
   * The next owner decides about the messages that the outbox held before. It may find those of a
   * write that has failed.
   */
  #fail({ added }: Writing, fault: WriteFault): void {
    if (fault === 'failed') this.#doubtful = added;
    for (const event of this.#ends)
      if (event.kind === 'outcome' && added.has(event.message.id))
        this.#outputs.add(fault === 'failed' ? { ...event, outcome: 'in-doubt' } : event);
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
    for (const event of this.#ends) if (isAdded(event)) this.#outputs.add(event);
    this.#ends = [...ends, ...this.#ends.filter((event) => !isAdded(event))];
    if (this.#skipState === 'writing') this.#skipState = 'new';
    this.#most = Math.max(1, added.size >> 1);
    // They may have other numbers than in the write. Nothing of them was sent.
    const isOfWrite = ({ id }: Message): boolean => added.has(id);
    const batch = this.#outgoing.batches.find(({ messages }) => messages.some(isOfWrite));
    const [message] = batch?.messages.filter(isOfWrite) ?? [];
    if (message && added.size === 1) this.#outgoing.end(message, 'quota');
    if (batch) this.#outgoing.takeBack(batch.first - 1);
    return true;
  }
}

/** Returns whether the other side has acked a message. The outcome `acked` may have no event. */
function isAcked(event: CoreEvent | undefined): boolean {
  return event?.kind !== 'outcome' || event.outcome === 'acked' || (event.rejection !== undefined && event.outcome !== 'unsendable');
}
