import type { Message } from '../../message/types.js';
import type { ReplyType } from './replyTypes.js';

/** Sends a reply; `number` is the number of replies before it. */
export type SendReply = (request: Message, type: ReplyType, payload: unknown, number?: number) => void;

/**
 * The replies to one request, numbered. If the completion follows a reply at once, the reply is marked as the last, which saves a message.
 * To know this, a reply is
 * held until the next event.
 */
export interface NumberedReplies {
  readonly request: Message;
  /** Whether replies are still needed. */
  readonly isOpen: boolean;
  count: number;
  held: { readonly value: unknown } | undefined;
  isHolding: boolean;
}

export function addReply(replies: NumberedReplies, value: unknown, send: SendReply): void {
  sendHeld(replies, send);
  if (!replies.isOpen) return;
  if (replies.isHolding) replies.held = { value };
  else send(replies.request, 'reply', value, replies.count++);
}

/** Sends the held reply. After that, either every reply is held until the next, or none. */
export function setHolding(replies: NumberedReplies, isHolding: boolean, send: SendReply): void {
  replies.isHolding = isHolding;
  if (!isHolding) sendHeld(replies, send);
}

/** Ends the replies. */
export function completeReplies(replies: NumberedReplies, send: SendReply): void {
  const { request, held, count } = replies;
  replies.held = undefined;
  // A single reply needs no number.
  if (held) send(request, 'reply.last', held.value, count || undefined);
  else send(request, 'reply.complete', null, count);
}

function sendHeld(replies: NumberedReplies, send: SendReply): void {
  const { held } = replies;
  if (!held) return;
  replies.held = undefined;
  send(replies.request, 'reply', held.value, replies.count++);
}
