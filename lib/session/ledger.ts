import { Subject } from 'rxjs';
import { MessageDroppedError, type DropReason, type RxwireError } from '../errors.js';
import type { ReceiptStatus } from '../message/receipt.js';
import type { Message } from '../message/types.js';
import type { Report } from './events.js';

/** Knows which messages are not done, and tells what becomes of each. */
export interface Ledger {
  /** How many are not done. */
  readonly size: number;
  /** Emits when none is left. */
  readonly empty$: Subject<void>;
  /** Whether a message is not done. */
  readonly isOpen: (id: string) => boolean;
  /** A message begins; false when one with its id is not done: it is the same message. */
  readonly open: (message: Message) => boolean;
  /** It has come a step further. */
  note(id: string, status: ReceiptStatus, details?: Details): void;
  /** It is done; nothing happens when it was already. */
  close(id: string, status: ReceiptStatus, details?: Details): void;
  /** It is done, as it was dropped. */
  drop(id: string, reason: DropReason): void;
  /** Drops all that are not done, except for these. */
  abandon(kept?: ReadonlySet<string>): void;
}

interface Details {
  readonly latency?: number;
  readonly error?: RxwireError;
}

export interface LedgerOptions {
  readonly report: Report;
  /** Whether anybody wants to know; failures are told all the same. */
  readonly isWatched: () => boolean;
  readonly onDead: (message: Message, error: RxwireError) => void;
}

export function createLedger({ report, isWatched, onDead }: LedgerOptions): Ledger {
  const messages = new Map<string, Message>();
  const empty$ = new Subject<void>();

  const ledger: Ledger & { size: number } = {
    size: 0,
    empty$,
    isOpen: (id) => messages.has(id),
    open(message) {
      if (messages.has(message.id)) return false;
      messages.set(message.id, message);
      ledger.size++;
      ledger.note(message.id, 'queued');
      return true;
    },
    note(id, status, details) {
      if (isWatched()) report({ kind: 'receipt', receipt: { id, status, ...details } });
    },
    close(id, status, details) {
      const message = messages.get(id);
      if (!message) return;
      messages.delete(id);
      ledger.size--;
      ledger.note(id, status, details);
      if (details?.error) {
        report({ kind: 'error', error: details.error });
        onDead(message, details.error);
      }
      if (ledger.size === 0) empty$.next();
    },
    drop: (id, reason) => ledger.close(id, reason === 'expired' ? reason : 'dead', { error: new MessageDroppedError(id, reason) }),
    abandon: (kept) => {
      for (const id of [...messages.keys()]) if (!kept?.has(id)) ledger.drop(id, 'closed');
    },
  };
  return ledger;
}
