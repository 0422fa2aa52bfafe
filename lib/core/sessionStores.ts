import type { Message } from '../message/types.js';
import { MAX_BATCH } from './frameFormat.js';
import { IncomingStore, type RecordProgress } from './incomingStore.js';
import type { Incoming } from './incoming.js';
import type { Outgoing } from './outgoing.js';
import { lastOf, skippedBatch, type OutgoingBatch } from './outgoingBatch.js';
import { EMPTY_OUTBOX, OutgoingStore, type StoreLimits } from './outgoingStore.js';
import type { Outputs, SessionCodec } from './coreTypes.js';
import { START } from './receiveProgress.js';
import type { ClientRecord, OutboxContents, RestoredState, SessionTicket, WriteFault } from './storedTypes.js';

export interface SessionStoresOptions extends StoreLimits {
  readonly hasOutbox: boolean;
  readonly hasInbox: boolean;
}

export interface StoredParts {
  readonly outgoing: Outgoing;
  readonly incoming: Incoming;
  readonly outputs: Outputs;
}

/** The batches of an outbox, while an asynchronous codec decodes them. */
interface Restoring {
  readonly contents: OutboxContents;
  readonly messages: (readonly Message[] | undefined)[];
  /** The index of each batch whose answer is missing, by the id of the effect. */
  readonly ids: Map<number, number>;
}

/**
 * The stores of a session: its outbox, its inbox, or both. A session without stores does without
 * this class, and a session with stores sends nothing before {@link restore}.
 *
 * Memory changes at once, and only outputs wait: a frame for the writes that it depends on.
 */
export class SessionStores {
  readonly hasInbox: boolean;
  outbox: OutgoingStore | undefined;
  inbox: IncomingStore | undefined;
  /** Whether the server knows its client, and has stored it, or stores it, if it has an inbox. */
  isStored = false;
  /** Called with each message whose progress is stored, instead of {@link Incoming.processed}. */
  onCommitted: RecordProgress | undefined;
  /** Called when the session continues with the stored state: frames may arrive. */
  onRestored: (() => void) | undefined;
  readonly #options: SessionStoresOptions;
  #parts!: StoredParts;
  #isRestored = false;
  #restoring: Restoring | undefined;
  /** The key of the present numbering in the inbox. */
  #key = '';
  /**
   * The writes of the inbox without a commit: the last one must be stored before anything is sent.
   */
  readonly #records = new Set<number>();
  /** A ticket that is stored behind them. */
  #ticket: SessionTicket | undefined;

  constructor(options: SessionStoresOptions) {
    this.#options = options;
    this.hasInbox = options.hasInbox;
  }

  /** Joins a session, whose constructor calls this. */
  join(parts: StoredParts): void {
    this.#parts = parts;
    if (!this.hasInbox) return;
    this.inbox = new IncomingStore(parts.outputs, (...processed) => {
      if (this.onCommitted) this.onCommitted(...processed);
      else parts.incoming.processed(...processed);
    });
    parts.incoming.inbox = this.inbox;
  }

  /** Continues with the stored state. @param codecs Those of this side. */
  restore({ key, outbox, cursor, record }: RestoredState, codecs: readonly SessionCodec[]): void {
    const { incoming, outgoing } = this.#parts;
    this.#isRestored = true;
    this.#key = key;
    this.isStored = record !== undefined;
    incoming.begin(cursor, key);
    if (!this.#options.hasOutbox) {
      this.onRestored?.();
      return;
    }
    const contents = outbox ?? { ...EMPTY_OUTBOX, batches: [] };
    const codec = codecs.find(({ name }) => name === contents.codec);
    outgoing.codec = codec ?? outgoing.codec;
    this.#decode(contents, codec?.own ?? codec);
  }
  #decode(contents: OutboxContents, codec: SessionCodec | undefined): void {
    const restoring: Restoring = { contents, messages: [], ids: new Map() };
    contents.batches.forEach((batch, index) => {
      const { first, count, body } = batch;
      if (!codec || body.length === 0) return;
      const messages = codec.isAsync ? undefined : decodeNow(codec, batch);
      // The codec may have found out during the call that it answers later.
      if (codec.isAsync) restoring.ids.set(this.#parts.outputs.decode(codec, body, first, count), index);
      else restoring.messages[index] = messages;
    });
    this.#restoring = restoring;
    if (restoring.ids.size === 0) this.#begin(restoring);
  }
  /** Answers an asynchronous `decode`, if it is one of a stored batch. */
  decoded(id: number, messages: readonly Message[] | undefined): boolean {
    const restoring = this.#restoring;
    const index = restoring?.ids.get(id);
    if (!restoring || index === undefined) return false;
    restoring.ids.delete(id);
    restoring.messages[index] = messages;
    if (restoring.ids.size === 0) this.#begin(restoring);
    return true;
  }
  #begin({ contents, messages }: Restoring): void {
    const { outgoing, outputs } = this.#parts;
    this.#restoring = undefined;
    const batches: OutgoingBatch[] = [];
    let next = contents.acked + 1;
    let unreadable = 0;
    const skipTo = (first: number): void => {
      for (; next < first; next = lastOf(batches.at(-1) as OutgoingBatch) + 1)
        batches.push(skippedBatch(next, Math.min(MAX_BATCH, first - next)));
    };
    contents.batches.forEach((batch, index) => {
      const found = messages[index];
      if (batch.body.length > 0 && found?.length !== batch.count) unreadable++;
      if (found?.length !== batch.count || batch.first + batch.count <= next) return;
      skipTo(batch.first);
      batches.push({ ...batch, messages: found, sentAt: undefined });
      next = batch.first + batch.count;
    });
    skipTo(contents.last + 1);
    outgoing.restore({ ...contents, last: next - 1 }, batches);
    this.outbox = outgoing.outbox = new OutgoingStore(outgoing, outputs, { ...contents, last: next - 1 }, this.#options);
    const restored = batches.flatMap((batch) => batch.messages).filter(({ id }) => outgoing.pending.has(id));
    if (restored.length > 0) outputs.add({ kind: 'restored', messages: restored });
    if (unreadable > 0) outputs.add({ kind: 'unreadable', count: unreadable });
    this.onRestored?.();
  }

  /** Whether the stored state is known. */
  get isRestored(): boolean {
    return this.#isRestored && !this.#restoring;
  }
  /** Whether the stored state is known, and the outbox waits for no write. */
  get isSettled(): boolean {
    return this.isRestored && this.outbox?.isBusy !== true;
  }
  /** Whether nothing of this session waits to be stored. */
  get isIdle(): boolean {
    return this.isSettled && this.#records.size === 0 && this.inbox?.isBusy !== true;
  }
  /** Whether a write of the outbox has no answer: the outcomes of its messages are not known. */
  get isWriting(): boolean {
    return this.outbox?.isWriting === true;
  }

  /** The outbox has lost its data: all of it is written again. */
  lost(): void {
    this.outbox?.reencoded();
  }

  // ---- Calls of the session

  /**
   * Writes what is to be written. Returns whether frames may be sent: whether all that the
   * handshake has changed is stored.
   *
   * @param isConnected Whether messages may travel.
   */
  prepare(date: number, isConnected: boolean): boolean {
    if (!this.isRestored) return false;
    const isStored = this.#records.size === 0;
    this.inbox?.commit();
    this.outbox?.prepare(date, isConnected && isStored);
    return this.isHandshakeStored;
  }
  /** Whether the handshake is stored: before that, no frame may be sent. */
  get isHandshakeStored(): boolean {
    return this.isRestored && this.#records.size === 0 && this.outbox?.isHandshakeStored !== false;
  }
  /**
   * A client has a new session. A ticket whose progress is not stored would say that nothing was
   * processed.
   */
  beginSession(sid: string): void {
    this.#key = sid;
    this.#parts.incoming.begin(undefined, sid);
    if (this.hasInbox) this.#writeRecord({ cursor: START });
  }
  /** The outbox says that a session goes on when the inbox does. */
  keepTicket(ticket: SessionTicket): void {
    if (this.#records.size > 0) this.#ticket = ticket;
    else this.outbox?.keepTicket(ticket);
  }
  /** A server stores what it remembers of its client. */
  remember(record: ClientRecord): void {
    this.isStored = true;
    if (this.hasInbox) this.#writeRecord({ record });
  }
  #writeRecord(change: { readonly cursor?: typeof START; readonly record?: ClientRecord }): void {
    this.#records.add(this.#parts.outputs.writeInbox({ key: this.#key, ...change, effects: [] }));
  }

  /** Takes the answer of a write. Returns the store that has failed. */
  answered(id: number, fault: WriteFault | undefined, now: number): 'outbox' | 'inbox' | undefined {
    if (this.#records.delete(id)) {
      if (fault) return 'inbox';
      if (this.#records.size === 0 && this.#ticket) this.outbox?.keepTicket(this.#ticket);
      if (this.#records.size === 0) this.#ticket = undefined;
      return undefined;
    }
    if (this.inbox?.answered(id, fault, now) === false) return 'inbox';
    return this.outbox?.answered(id, fault) === false ? 'outbox' : undefined;
  }
  /** Takes the answer of a write after the end of the session: it only says what is stored. */
  answeredLate(id: number, fault: WriteFault | undefined): void {
    this.outbox?.answered(id, fault);
  }
}

function decodeNow(codec: SessionCodec, { body, first, count }: OutboxContents['batches'][number]): readonly Message[] | undefined {
  try {
    return codec.decode(body, first, count);
  } catch {
    return undefined;
  }
}
