import { Incoming } from './incoming.js';
import { ReceiveProgress, START } from './receiveProgress.js';
import type { Rejection } from './rejection.js';
import { NONE, pushed } from './coreTypes.js';
import type { ClientRecord, Cursor, WriteFault } from './storedTypes.js';

/** A message that the application has processed, and whose progress is not stored. */
interface ProcessedMessage {
  /** 0 for a message without a number. */
  readonly number: number;
  readonly progress: ReceiveProgress;
  readonly rejection: Rejection | undefined;
  readonly effect: unknown;
}

const isDelayed = ({ number, progress }: ProcessedMessage): boolean => !progress.has(number);

/**
 * A receiving half that stores its progress, together with the effects of the application. There is
 * one commit at a time, and it is made from the progress that is stored: an ack never says more
 * than the inbox.
 */
export class StoredIncoming extends Incoming {
  /** Called with each message whose progress is stored. @default {@link processed} */
  onCommitted: ((number: number, progress: ReceiveProgress, rejection: Rejection | undefined) => void) | undefined;
  #processed: ProcessedMessage[] = NONE;
  #commit: { readonly id: number; readonly group: readonly ProcessedMessage[] } | undefined;
  /** The stored messages that the receiver does not count yet: a rate limit delays their acks. */
  #delayed: readonly ProcessedMessage[] = NONE;
  /**
   * How many of the next messages get a commit of their own, because an effect of their common one
   * has failed.
   */
  #alone = 0;
  /** The writes without a commit: the last one must be stored before anything is sent. */
  readonly #records = new Set<number>();

  /** Whether something is processed, and not stored. */
  get isBusy(): boolean {
    return this.#processed.length > 0 || this.#commit !== undefined;
  }
  /** Whether the record of the client, and the beginning of a session, are stored. */
  get isBegun(): boolean {
    return this.#records.size === 0;
  }
  /** A client has a new session. */
  override begin(key: string): void {
    super.begin(key);
    this.write({ cursor: START });
  }
  /** Continues with the stored progress of a numbering. */
  restore(key: string, cursor: Cursor | undefined): void {
    super.begin(key, cursor);
  }
  /** Stores what is known of a numbering before anything is sent. */
  write(change: { readonly cursor?: Cursor; readonly record?: ClientRecord }): void {
    this.#records.add(this.outputs.writeInbox({ key: this.progress.key, ...change, effects: [] }));
  }

  /**
   * Adds a message that is processed, or rejected.
   *
   * @param effect What the inbox stores with it.
   */
  add(number: number, progress: ReceiveProgress, rejection?: Rejection, effect?: unknown): void {
    if (number === 0 && effect === undefined) return;
    this.#processed = pushed(this.#processed, { number, progress, rejection, effect });
  }
  protected override miss(number: number): void {
    this.add(number, this.progress);
  }
  /** Commits all that is processed in one numbering, unless a commit has no answer. */
  commit(): void {
    const [first] = this.#processed;
    if (!first || this.#commit) return;
    const { progress } = first;
    const other = this.#processed.findIndex((message) => message.progress !== progress);
    const group = this.#processed.splice(0, this.#alone > 0 ? 1 : other < 0 ? this.#processed.length : other);
    this.#alone = Math.max(0, this.#alone - 1);
    const next = new ReceiveProgress(progress.cursor);
    if (this.#delayed.length > 0) this.#delayed = this.#delayed.filter(isDelayed);
    for (const message of this.#delayed) if (message.progress === progress) next.add(message.number, message.rejection);
    const effects: unknown[] = [];
    for (const { number, rejection, effect } of group) {
      if (number > 0) next.add(number, rejection);
      if (effect !== undefined) effects.push(effect);
    }
    this.#commit = { id: this.outputs.writeInbox({ key: progress.key, cursor: next.cursor, effects }), group };
  }
  /**
   * Takes the answer of a write. Returns whether the session goes on; undefined if it is not a
   * write of this inbox.
   */
  answered(id: number, fault: WriteFault | undefined, now: number): boolean | undefined {
    if (this.#records.delete(id)) return !fault;
    if (this.#commit?.id !== id) return undefined;
    const { group } = this.#commit;
    this.#commit = undefined;
    if (!fault) {
      for (const { number, progress, rejection } of group)
        if (this.onCommitted) this.onCommitted(number, progress, rejection);
        else this.processed(number, progress, now, rejection);
      const delayed = group.filter(isDelayed);
      if (delayed.length > 0) this.#delayed = [...this.#delayed, ...delayed];
      return true;
    }
    if (fault !== 'effect') return false;
    const [one] = group;
    if (group.length > 1) {
      this.#processed = [...group, ...this.#processed];
      this.#alone += group.length;
    } else if (one) this.outputs.add({ kind: 'effect-failed', number: one.number, progress: one.progress, effect: one.effect });
    return true;
  }
  /** Commits nothing more. Returns the effects that may not be stored. */
  abandon(): readonly unknown[] {
    const all = [...(this.#commit?.group ?? NONE), ...this.#processed];
    this.#processed = NONE;
    return all.map(({ effect }) => effect);
  }
}
