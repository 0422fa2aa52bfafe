import type { MessageOutcome } from '../../../lib/core/coreTypes.js';
import type { Delivery } from '../../../lib/message/types.js';

/** A message of the simulation, and what has become of it. */
interface Tracked {
  readonly id: string;
  readonly index: number;
  readonly level: Delivery;
  /** Its sender, level and priority: such messages are delivered in order. */
  readonly lane: string;
  outcome: MessageOutcome | undefined;
  /** How often it was delivered; how often it was processed. */
  delivered: number;
  processed: number;
  /** How it was rejected: what arrives again, in another session, may be rejected in another way. */
  readonly rejectedAs: Set<string>;
}

const NEVER_SENT: readonly MessageOutcome[] = ['dropped', 'overflow', 'unsendable', 'undecodable'];

/** Checks what both applications see. Throws with a sentence when a promise is broken. */
export class Oracle {
  readonly #messages = new Map<string, Tracked>();
  /** The index of the last exactly-once message of each sender and priority that was delivered. */
  readonly #lastExactlyOnce = new Map<string, number>();
  /** The messages without numbers whose frames were sent. */
  readonly #framed = new Set<string>();
  /** The index of the last message that was delivered in one numbering. */
  readonly #lastIn = new Map<object, Map<string, number>>();

  sent(id: string, index: number, level: Delivery, priority: number): void {
    const lane = `${id[0]} ${level} ${priority}`;
    this.#messages.set(id, { id, index, level, lane, outcome: undefined, delivered: 0, processed: 0, rejectedAs: new Set() });
  }
  /** A frame with messages without numbers was sent. */
  framed(ids: readonly string[]): void {
    for (const id of ids) this.#framed.add(id);
  }
  delivered(id: string, progress: object): void {
    const message = this.#messages.get(id)!;
    const { index, level, lane, outcome } = message;
    message.delivered++;
    if (outcome && NEVER_SENT.includes(outcome)) throw new Error(`${id} arrives, and its outcome was ${outcome}`);
    if (level === 'exactly-once') {
      if (message.delivered > 1) throw new Error(`${id} arrives twice`);
      if ((this.#lastExactlyOnce.get(lane) ?? -1) > index) throw new Error(`${id} arrives behind a later message`);
      this.#lastExactlyOnce.set(lane, index);
    }
    if (level === 'at-most-once' && message.delivered > 1) throw new Error(`${id} arrives twice`);
    let last = this.#lastIn.get(progress);
    if (!last) this.#lastIn.set(progress, (last = new Map<string, number>()));
    if ((last.get(lane) ?? -1) >= index && level !== 'at-most-once') throw new Error(`${id} arrives behind a later message of its session`);
    last.set(lane, index);
  }
  processed(id: string, rejectedAs?: string): void {
    const message = this.#messages.get(id)!;
    message.processed++;
    if (rejectedAs) message.rejectedAs.add(rejectedAs);
  }
  ended(id: string, outcome: MessageOutcome): void {
    const message = this.#messages.get(id)!;
    if (message.outcome) throw new Error(`${id} has the outcome ${outcome} after ${message.outcome}`);
    message.outcome = outcome;
    const { rejectedAs } = message;
    const rejected = [...rejectedAs].join();
    if (outcome === 'acked' && (message.processed === 0 || (rejectedAs.size > 0 && message.level === 'exactly-once')))
      throw new Error(`${id} is acked, and was ${rejected || 'not processed'}`);
    if (outcome === 'sent' && !this.#framed.has(id)) throw new Error(`${id} is sent, and no frame contained it`);
    const isRejection = outcome === 'refused' || outcome === 'dead-lettered';
    if (isRejection && !rejectedAs.has(outcome)) throw new Error(`${id} is ${outcome}, and was ${rejected || 'not rejected'}`);
    if (outcome === 'undecodable' && message.delivered > 0 && message.level === 'exactly-once')
      throw new Error(`${id} is undecodable, and was delivered`);
  }
  /**
   * At the end, each message has its outcome.
   *
   * @param isWatched Whether successes are told, too: a message without an outcome was processed otherwise.
   */
  finish(isWatched: boolean): void {
    for (const { id, outcome, level, processed } of this.#messages.values()) {
      const mayBeSilent = !isWatched && (level === 'at-most-once' || processed > 0);
      if (!outcome && !mayBeSilent) throw new Error(`${id} has no outcome`);
    }
  }
}
