import { HandlerError, MessageDroppedError, type DropReason, type RxwireError } from '../../errors.js';
import { guard } from '../../internal/guard.js';
import type { ReceiptStatus } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { Report } from '../sessionEvents.js';

/** The fields of a receipt besides id and status. */
export interface ReceiptDetails {
  readonly latency?: number;
  readonly outcome?: 'processed' | 'dead-lettered';
  readonly error?: RxwireError;
}

export interface PendingMessagesOptions {
  readonly report: Report;
  /** Whether receipts have a subscriber. Failures are reported in any case. */
  readonly isWatched: () => boolean;
  readonly onDead: (message: Message, error: RxwireError) => void;
}

/** The messages that have no outcome yet, by id. Reports each step of each message. */
export class PendingMessages {
  /** Called when none is left. */
  onEmpty: (() => void) | undefined;
  readonly isWatched: () => boolean;
  /** In the order of arrival. */
  readonly byId = new Map<string, Message>();
  readonly #report: Report;
  readonly #onDead: PendingMessagesOptions['onDead'];

  constructor({ report, isWatched, onDead }: PendingMessagesOptions) {
    this.#report = report;
    this.isWatched = isWatched;
    this.#onDead = onDead;
  }

  /** Adds a message that is on its way already. */
  adopt(message: Message): void {
    this.byId.set(message.id, message);
  }

  /** Adds a message. Returns false when one with its id is pending: then it is the same message. */
  open(message: Message): boolean {
    const { id } = message;
    if (this.byId.has(id)) return false;
    this.byId.set(id, message);
    if (this.isWatched()) this.note(id, 'queued');
    return true;
  }

  /** Gives up a message that must not be sent. */
  refuse(message: Message, error: RxwireError): void {
    if (this.open(message)) this.close(message.id, 'dead', { error });
  }

  /**
   * Reports a step of a message: a failure in any case, other steps when receipts have a
   * subscriber.
   */
  note(id: string, status: ReceiptStatus, details?: ReceiptDetails): void {
    if (details?.error || this.isWatched()) this.#report({ kind: 'receipt', receipt: { id, status, ...details } });
  }

  /**
   * Removes a message, and reports its outcome. Does nothing when the message has its outcome
   * already.
   */
  close(id: string, status: ReceiptStatus, details?: ReceiptDetails): void {
    const message = this.byId.get(id);
    if (!message) return;
    this.byId.delete(id);
    this.note(id, status, details);
    if (details?.error) {
      this.#report({ kind: 'error', error: details.error });
      this.#callOnDead(message, details.error);
    }
    if (this.byId.size === 0) this.onEmpty?.();
  }

  /** Removes a message that is dropped. */
  drop(id: string, reason: DropReason): void {
    this.close(id, reason === 'expired' ? reason : 'dead', { error: new MessageDroppedError(id, reason) });
  }

  #callOnDead(message: Message, error: RxwireError): void {
    guard(
      () => this.#onDead(message, error),
      (cause) => this.#report({ kind: 'error', error: new HandlerError(message, 1, cause) }),
    );
  }

  /** Drops all but these. */
  abandon(kept?: ReadonlySet<string>): void {
    for (const id of [...this.byId.keys()]) if (!kept?.has(id)) this.drop(id, 'closed');
  }
}
