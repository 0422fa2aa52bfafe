import type { Observable } from 'rxjs';
import type { RxwireError } from '../../errors.js';
import type { Receipt } from '../../message/receipt.js';
import type { Delivery, Message } from '../../message/types.js';

/** What tells of replies: the wire that they go over. */
export interface ReplyWire {
  /** Without them, nobody tells. */
  readonly receipts$?: Observable<Receipt>;
  /** @default 'at-least-once' */
  readonly delivery?: Delivery;
  /** Told of handlers that have failed with what the caller does not learn. */
  report?(error: RxwireError): void;
}

/** Replies that have not arrived yet. */
export interface Unsent {
  note(reply: Message, request: Message): void;
  readonly onReceipt: (receipt: Receipt) => void;
}

/** @param onFailed Told of a request of which a reply will never leave: it is too large, or nothing that the codec can carry. */
export function createUnsent({ delivery }: ReplyWire, onFailed: (request: Message, error: Error) => void): Unsent {
  const last = delivery === 'at-most-once' ? 'sent' : 'acked';
  const requests = new Map<string, Message>();
  return {
    note: ({ id }, request) => void requests.set(id, request),
    onReceipt({ id, status, error }) {
      if (!error && status !== last) return;
      const request = requests.get(id);
      requests.delete(id);
      if (request && error && !isOver(error)) onFailed(request, error);
    },
  };
}

/** Whether the wire has ended: there is nobody who could be told. */
function isOver(error: Error): boolean {
  const { code, reason } = error as { readonly code?: string; readonly reason?: string };
  return code === 'ERR_WIRE_CLOSED' || (code === 'ERR_DROPPED' && reason === 'closed');
}
