import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { ReplyWire } from './replyOptions.js';

/** Replies that have not arrived yet. */
export interface UndeliverableReplies {
  add(reply: Message, request: Message): void;
  readonly onReceipt: (receipt: Receipt) => void;
}

/** @param onFailed Called with a request whose reply cannot be sent: it is too large, or cannot be encoded. */
export function trackUndeliverable({ delivery }: ReplyWire, onFailed: (request: Message, error: Error) => void): UndeliverableReplies {
  const last = delivery === 'at-most-once' ? 'sent' : 'acked';
  const requests = new Map<string, Message>();
  return {
    add: ({ id }, request) => void requests.set(id, request),
    onReceipt({ id, status, error }) {
      if (!error && status !== last) return;
      const request = requests.get(id);
      requests.delete(id);
      if (request && error && !isWireClosed(error)) onFailed(request, error);
    },
  };
}

/** Returns whether the wire has ended, so that no error can be sent either. */
function isWireClosed(error: Error): boolean {
  const { code, reason } = error as { readonly code?: string; readonly reason?: string };
  return code === 'ERR_WIRE_CLOSED' || (code === 'ERR_DROPPED' && reason === 'closed');
}
