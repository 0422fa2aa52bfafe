import { nanoid } from 'nanoid';
import { ReplyError, RxwireError } from '../../errors.js';
import { ENVELOPE_VERSION } from '../../message/limits.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';
import type { ReplyType } from './answerTypes.js';

type Draft<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Makes what is said about a request. All of one request has its priority, so that nothing overtakes.
 *
 * @param number How many replies came before it, for those that are counted.
 */
export function replyMessage(request: Message, type: ReplyType, payload: unknown, timestamp: number, number?: number): Message {
  const { id: correlationId, priority, replyTo } = request;
  const reply: Draft<Message> = { id: nanoid(), type, timestamp, version: ENVELOPE_VERSION, source: '', payload, correlationId };
  if (priority !== undefined) reply.priority = priority;
  if (replyTo !== undefined) reply.target = replyTo;
  if (number !== undefined) reply.metadata = { deliveryTag: number };
  return reply;
}

/** What may cross: what was meant to, and what rxwire says; nothing internal of the application. */
export function describeError(error: unknown): ReplyErrorPayload {
  if (error instanceof ReplyError) return { code: error.remoteCode, message: error.reason };
  if (error instanceof RxwireError) return { code: error.code, message: error.message };
  return { code: 'ERR_INTERNAL', message: 'the request failed' };
}
