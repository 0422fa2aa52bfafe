import type { CodecOutputs } from '../codec/codec.js';
import type { Message } from '../message/types.js';
import { MAX_BATCH } from '../message/messageLimits.js';
import { Incoming } from './incoming.js';
import { Outgoing } from './outgoing.js';
import { lastOf, skippedBatch, type OutgoingBatch } from './outgoingBatch.js';
import { StoredIncoming } from './storedIncoming.js';
import { EMPTY_OUTBOX, StoredOutgoing, type StoreLimits } from './storedOutgoing.js';
import { NONE, type CoreOptions, type Outputs, type SessionCodec } from './coreTypes.js';
import type { ClientRecord, OutboxContents, RestoredState, SessionTicket, WriteFault } from './storedTypes.js';

export interface SessionStoresOptions extends StoreLimits {
  readonly hasOutbox: boolean;
  readonly hasInbox: boolean;
}

/** A session, as its stores use it. */
export interface StoredSession {
  readonly phase: string;
  readonly outputs: Outputs;
  readonly outgoing: Outgoing;
  readonly mayTravel: boolean;
  readonly isEnded: boolean;
  end(): void;
  finish(): void;
}

/** The batches of an outbox, and the messages of those that are decoded. */
interface Restoring {
  readonly contents: OutboxContents;
  readonly codec: SessionCodec | undefined;
  readonly messages: (readonly Message[])[];
}

/**
 * The stores of a session: its outbox, its inbox, or both. A session without stores does without
 * this class, and a session with stores sends nothing before {@link restore}.
 *
 * Memory changes at once, and only outputs wait: a frame for the writes that it depends on.
 */
export class SessionStores {
  outbox: StoredOutgoing | undefined;
  inbox: StoredIncoming | undefined;
  /** Whether the server knows its client, and has stored it, or stores it, if it has an inbox. */
  isStored = false;
  /** Whether the host does not know yet that the handshake has ended. */
  isAgreementNew = false;
  /** Called when the session continues with the stored state: frames may arrive. */
  onRestored: (() => void) | undefined;
  readonly #options: SessionStoresOptions;
  #core!: StoredSession;
  #codecs!: readonly SessionCodec[];
  #isRestored = false;
  #restoring: Restoring | undefined;
  /** A ticket that is stored behind the records of the inbox. */
  #ticket: SessionTicket | undefined;

  constructor(options: SessionStoresOptions) {
    this.#options = options;
  }

  /** Returns the two halves of a session, whose constructor calls this. */
  join(core: StoredSession, options: CoreOptions): { readonly outgoing: Outgoing; readonly incoming: Incoming } {
    const { outputs } = core;
    this.#core = core;
    this.#codecs = options.codecs;
    if (this.#options.hasOutbox) this.outbox = new StoredOutgoing(options, outputs, this.#options);
    if (this.#options.hasInbox) this.inbox = new StoredIncoming(options, outputs);
    return { outgoing: this.outbox ?? new Outgoing(options, outputs), incoming: this.inbox ?? new Incoming(options, outputs) };
  }

  /** Continues with the stored state. */
  restore({ key, outbox, cursor, record }: RestoredState): void {
    this.#isRestored = true;
    this.isStored = record !== undefined;
    this.inbox?.restore(key, cursor);
    if (!this.outbox) {
      this.onRestored?.();
      return;
    }
    const contents = outbox ?? { ...EMPTY_OUTBOX, batches: [] };
    const codec = this.#codecs.find(({ name }) => name === contents.codec);
    this.outbox.codec = codec ?? this.outbox.codec;
    this.#restoring = { contents, codec: codec?.own ?? codec, messages: [] };
    this.#decode(this.#restoring);
  }
  /** Decodes the batches that are left, as far as the codec answers at once. */
  #decode(restoring: Restoring): void {
    const { contents, codec, messages } = restoring;
    if (this.#core.phase === 'over') return;
    const calls: CodecOutputs = { ask: (effect) => this.#core.outputs.ask(effect), onAnswer: () => this.#decode(restoring) };
    for (let batch = contents.batches[messages.length]; batch; batch = contents.batches[messages.length]) {
      const found = codec && batch.body.length > 0 ? decoded(codec, batch, calls) : NONE;
      if (!found) return;
      messages.push(found);
    }
    this.#begin(restoring);
  }
  #begin({ contents, messages }: Restoring): void {
    const { outgoing, outputs } = this.#core;
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
    this.outbox?.restore({ ...contents, last: next - 1 }, batches);
    const restored = batches.flatMap((batch) => batch.messages).filter(({ id }) => outgoing.pending.has(id));
    if (restored.length > 0 && outgoing.interest?.awaitsSteps()) outputs.add({ kind: 'queued', messages: restored });
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
    return this.isSettled && this.#isBegun && this.inbox?.isBusy !== true;
  }
  get #isBegun(): boolean {
    return this.inbox?.isBegun !== false;
  }
  /** Whether a write of the outbox has no answer: the outcomes of its messages are not known. */
  get isWriting(): boolean {
    return this.outbox?.isWriting === true;
  }

  /**
   * Writes what is to be written. Returns whether frames may be sent: whether all that the
   * handshake has changed is stored.
   */
  prepare(date: number): boolean {
    const { phase, mayTravel, outputs } = this.#core;
    if (phase === 'over' || !this.isRestored) return false;
    const isBegun = this.#isBegun;
    this.inbox?.commit();
    this.outbox?.prepare(date, isBegun && mayTravel);
    if (!this.isHandshakeStored) return false;
    if (this.isAgreementNew && (phase === 'agreed' || phase === 'leaving')) {
      this.isAgreementNew = false;
      outputs.add({ kind: 'agreed' });
    }
    return true;
  }
  /** Whether the handshake is stored: before that, no frame may be sent. */
  get isHandshakeStored(): boolean {
    return this.isRestored && this.#isBegun && this.outbox?.isHandshakeStored !== false;
  }
  /**
   * The outbox says that a session goes on when the inbox does: a ticket whose progress is not
   * stored would say that nothing was processed.
   */
  keepTicket(ticket: SessionTicket): void {
    if (this.#isBegun) this.outbox?.keepTicket(ticket);
    else this.#ticket = ticket;
  }
  /** A server stores what it remembers of its client. */
  remember(record: ClientRecord): void {
    this.isStored = true;
    this.inbox?.write({ record });
  }

  /** Answers a write. After the end of the session, the answer only says what is stored. */
  answered(id: number, now: number, fault?: WriteFault): void {
    const core = this.#core;
    if (core.phase === 'over') {
      this.outbox?.answered(id, fault);
      if (!core.isEnded && !this.isWriting) core.finish();
      return;
    }
    const store = this.inbox?.answered(id, fault, now) === false ? 'inbox' : this.outbox?.answered(id, fault) === false && 'outbox';
    if (store && fault) {
      core.outputs.add({ kind: 'store-failed', store, fault });
      core.end();
    } else if (this.#ticket && this.#isBegun) {
      this.outbox?.keepTicket(this.#ticket);
      this.#ticket = undefined;
    }
  }
}

/** Returns undefined until the codec has answered; no messages if it cannot decode the batch. */
function decoded(
  codec: SessionCodec,
  { body, first, count }: OutboxContents['batches'][number],
  calls: CodecOutputs,
): readonly Message[] | undefined {
  try {
    return codec.decode(body, first, count, calls);
  } catch {
    return NONE;
  }
}
