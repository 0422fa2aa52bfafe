import { ReplyError, RxwireError } from '../../message/errors.js';
import { ENVELOPE_VERSION } from '../../message/messageLimits.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';

export type ReplyType = 'reply' | 'reply.last' | 'reply.complete' | 'reply.error' | 'reply.progress';

const TYPES: readonly string[] = [
  ...(['reply', 'reply.last', 'reply.complete', 'reply.error', 'reply.progress'] satisfies ReplyType[]),
  'request.cancel',
];

/** Returns whether messages of this type are meant for `request` or `reply` only. */
export function isReplyOrCancel(type: string): boolean {
  return TYPES.includes(type);
}

type Draft<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Creates a reply, with the priority of the request.
 * @param number The number of those before it.
 */
export function replyMessage(id: string, request: Message, type: ReplyType, payload: unknown, timestamp: number, number?: number): Message {
  const { id: correlationId, priority, replyTo } = request;
  const reply: Draft<Message> = { id, type, timestamp, version: ENVELOPE_VERSION, source: '', payload, correlationId };
  if (priority !== undefined) reply.priority = priority;
  if (replyTo !== undefined) reply.target = replyTo;
  if (number !== undefined) reply.metadata = { deliveryTag: String(number) };
  return reply;
}

/** Returns the public part of an error: nothing, unless it is an error of rxwire. */
export function describeError(error: unknown): ReplyErrorPayload {
  if (error instanceof ReplyError) return { code: error.remoteCode, message: error.reason };
  if (error instanceof RxwireError) return { code: error.code, message: error.text };
  return { code: 'ERR_INTERNAL', message: 'the request failed' };
}
