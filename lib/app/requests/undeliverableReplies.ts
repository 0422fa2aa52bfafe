import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { HandlerRun } from './handlerRun.js';
import type { ReplyWire } from './replyOptions.js';

/** Replies that may still fail. */
export interface UndeliverableReplies {
  add(reply: Message, run: HandlerRun): void;
  readonly onFailure: (receipt: Receipt) => void;
}

interface SentReply {
  readonly id: string;
  readonly run: HandlerRun;
}

/** The number of replies that are remembered before those that have arrived are removed. */
const MIN_SIZE = 64;

/**
 * @param onFailed Called with a request whose reply cannot be sent: it is too large, cannot be
 *   encoded, or the queue has no room for it.
 */
export function trackUndeliverable(wire: ReplyWire, onFailed: (run: HandlerRun, error: Error) => void): UndeliverableReplies {
  // An array, as a failure is rare, and a Map would take as long for each reply as its encoding.
  let replies: (SentReply | undefined)[] = [];
  /** The index behind the latest failed reply: a full queue drops replies in their order. */
  let next = 0;
  let maxSize = MIN_SIZE;
  return {
    add({ id }, run) {
      if (replies.length >= maxSize) {
        // No receipt says that a reply has arrived: a subscriber of receipts would make all acks
        // urgent.
        replies = wire.isPending ? replies.filter((sent) => sent && wire.isPending?.(sent.id)) : replies.slice(-MIN_SIZE / 2);
        next = 0;
        maxSize = Math.max(MIN_SIZE, 2 * replies.length);
      }
      replies.push({ id, run });
    },
    onFailure({ id, error }) {
      const index = replies[next]?.id === id ? next : replies.findIndex((reply) => reply?.id === id);
      const failed = replies[index];
      if (!failed) return;
      replies[index] = undefined;
      next = index + 1;
      if (error && !isWireClosed(error)) onFailed(failed.run, error);
    },
  };
}

/** Returns whether the wire has ended, so that no error can be sent either. */
function isWireClosed(error: Error): boolean {
  const { code, reason } = error as { readonly code?: string; readonly reason?: string };
  return code === 'ERR_WIRE_CLOSED' || (code === 'ERR_DROPPED' && reason === 'closed');
}

/**
 * Returns whether the queue of the wire is full: an error to the caller would take the place of
 * another reply, or be dropped itself.
 */
export function isQueueFull(error: Error): boolean {
  const { code, reason } = error as { readonly code?: string; readonly reason?: string };
  return code === 'ERR_OVERFLOW' || (code === 'ERR_DROPPED' && reason === 'overflow');
}
