import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { ReplyWire } from './replyOptions.js';

/** Replies that may still fail. */
export interface UndeliverableReplies {
  add(reply: Message, request: Message): void;
  readonly onFailure: (receipt: Receipt) => void;
}

/** The number of replies that are remembered before those that have arrived are looked for. */
const MIN_SIZE = 256;

/** @param onFailed Called with a request whose reply cannot be sent: it is too large, or cannot be encoded. */
export function trackUndeliverable(wire: ReplyWire, onFailed: (request: Message, error: Error) => void): UndeliverableReplies {
  const requests = new Map<string, Message>();
  let maxSize = MIN_SIZE;
  // No receipt says that a reply has arrived: a subscriber of receipts would make all acks urgent.
  const removeArrived = (): void => {
    for (const id of requests.keys()) if (wire.isPending?.(id) === false) requests.delete(id);
    maxSize = Math.max(MIN_SIZE, 2 * requests.size);
  };
  return {
    add({ id }, request) {
      if (requests.size >= maxSize) removeArrived();
      requests.set(id, request);
    },
    onFailure({ id, error }) {
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
