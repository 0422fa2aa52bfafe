import type { MessageOutcome } from '../../../lib/core/coreTypes.js';
import type { Delivery } from '../../../lib/message/types.js';

/** The effect that the application stores with a message that it has processed. */
export interface Effect {
  readonly id: string;
  readonly rejectedAs: string | undefined;
}

interface Tracked {
  readonly id: string;
  readonly index: number;
  readonly level: Delivery;
  readonly hasInbox: boolean;
  outcome: MessageOutcome | undefined;
  delivered: number;
  /** How often it was processed: at a side with an inbox, how often its effect was stored. */
  processed: number;
  rejectedAs: string | undefined;
  /** Whether the process that had it has ended before it was stored, or its outcome was told. */
  isLost: boolean;
  /** Whether a store has lost its latest writes: then a message may have two outcomes. */
  isRolledBack: boolean;
}

const NEVER_SENT: readonly MessageOutcome[] = ['dropped', 'overflow', 'unsendable', 'quota'];

/** Checks what both applications see, across all their processes. Throws when a promise is broken. */
export class StoreOracle {
  readonly #messages = new Map<string, Tracked>();
  /** The index of the last exactly-once message that was delivered in a numbering. */
  readonly #lastIn = new Map<object, number>();

  constructor(
    private readonly hasServerInbox: boolean,
    private readonly hasClientInbox: boolean,
  ) {}
  #of(id: string): Tracked {
    return this.#messages.get(id)!;
  }

  sent(id: string, index: number, level: Delivery): void {
    this.#messages.set(id, {
      id,
      index,
      level,
      hasInbox: id.startsWith('c') ? this.hasServerInbox : this.hasClientInbox,
      outcome: undefined,
      delivered: 0,
      processed: 0,
      rejectedAs: undefined,
      isLost: false,
      isRolledBack: false,
    });
  }
  delivered(id: string, progress: object): void {
    const message = this.#of(id);
    const { index, level, outcome, isRolledBack } = message;
    message.delivered++;
    // Without an outbox, a message may be on its way when its session ends.
    if (outcome && NEVER_SENT.includes(outcome) && !isRolledBack) throw new Error(`${id} arrives, and its outcome was ${outcome}`);
    if (level !== 'exactly-once') return;
    if (!message.hasInbox && message.delivered > 1 && !isRolledBack) throw new Error(`${id} arrives twice`);
    // Two owners of an outbox send in turn: each keeps its own order.
    if (this.#lastIn.get(progress) === index) throw new Error(`${id} arrives twice in one numbering`);
    this.#lastIn.set(progress, index);
  }
  processed({ id, rejectedAs }: Effect): void {
    const message = this.#of(id);
    message.processed++;
    message.rejectedAs = rejectedAs ?? message.rejectedAs;
  }
  committed(effect: Effect): void {
    this.processed(effect);
    const { level, processed, id } = this.#of(effect.id);
    if (level === 'exactly-once' && processed > 1) throw new Error(`${id} is processed twice`);
  }
  ended(id: string, outcome: MessageOutcome, host: { readonly core: { readonly phase: string } }): void {
    const message = this.#of(id);
    // An owner that has lost its store does not know, and the next one may.
    if (host.core.phase === 'over' && outcome === 'in-doubt') {
      message.isLost = true;
      return;
    }
    if (message.outcome && !message.isRolledBack) throw new Error(`${id} has the outcome ${outcome} after ${message.outcome}`);
    message.outcome = outcome;
    if (message.isRolledBack) return;
    if (outcome === 'acked' && (message.processed === 0 || (message.rejectedAs && message.level === 'exactly-once')))
      throw new Error(`${id} is acked, and was ${message.rejectedAs ?? 'not processed'}`);
    const isRejection = outcome === 'refused' || outcome === 'dead-lettered';
    if (isRejection && !message.rejectedAs) throw new Error(`${id} is ${outcome}, and was not rejected`);
  }
  /** The process that has the message has ended before it was stored. */
  lost(id: string): void {
    const message = this.#of(id);
    message.isLost ||= message.outcome === undefined;
  }
  rolledBack(ids: readonly string[]): void {
    for (const id of ids) this.#of(id).isRolledBack = true;
  }
  /** A write that has removed these messages is answered. */
  checkRemoved(ids: readonly string[], isWatched: boolean, isDead: boolean): void {
    for (const id of ids) {
      const { outcome, processed, isLost, isRolledBack } = this.#of(id);
      if (!isDead && !outcome && !isLost && !isRolledBack && (isWatched || processed === 0))
        throw new Error(`${id} is removed, and has no outcome`);
    }
  }
  finish(isWatched: boolean): void {
    for (const { id, outcome, processed, isLost, isRolledBack } of this.#messages.values())
      if (!outcome && !isLost && !isRolledBack && (isWatched || processed === 0)) throw new Error(`${id} has no outcome`);
  }
}
