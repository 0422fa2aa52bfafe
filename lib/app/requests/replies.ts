import type { Message } from '../../message/types.js';
import type { ReplyType } from './answerTypes.js';

/** Says something about a request; `number` is how many replies came before. */
export type Say = (request: Message, type: ReplyType, payload: unknown, number?: number) => void;

/**
 * The replies to one request, numbered. Where the completion follows at once, the last reply says that it is the last: one message instead of two. So
 * values are kept back, at first, until it is known what comes next.
 */
export interface Replies {
  readonly request: Message;
  /** Whether they are wanted. */
  readonly isOpen: boolean;
  count: number;
  kept: { readonly value: unknown } | undefined;
  isKeeping: boolean;
}

export function addReply(replies: Replies, value: unknown, say: Say): void {
  flush(replies, say);
  if (!replies.isOpen) return;
  if (replies.isKeeping) replies.kept = { value };
  else say(replies.request, 'reply', value, replies.count++);
}

/** Sends what is kept back, and keeps nothing back any more, or every value until the next. */
export function settleReplies(replies: Replies, isKeeping: boolean, say: Say): void {
  replies.isKeeping = isKeeping;
  if (!isKeeping) flush(replies, say);
}

/** There are no more. */
export function completeReplies(replies: Replies, say: Say): void {
  const { request, kept, count } = replies;
  replies.kept = undefined;
  // A single reply needs no number.
  if (kept) say(request, 'reply.last', kept.value, count || undefined);
  else say(request, 'reply.complete', null, count);
}

function flush(replies: Replies, say: Say): void {
  const { kept } = replies;
  if (!kept) return;
  replies.kept = undefined;
  say(replies.request, 'reply', kept.value, replies.count++);
}
