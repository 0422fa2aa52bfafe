import type { SchedulerLike, Subscriber } from 'rxjs';
import { MessagesMissedError, ReplyError } from '../../errors.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';

/** A request that is waiting for replies. */
export interface OpenRequest {
  readonly id: string;
  readonly message: Message;
  readonly subscriber: Subscriber<unknown>;
  readonly onProgress: (progress: unknown) => void;
  /** The maximum silence of the other side after its first reply or progress, in ms. */
  readonly each: number;
  /** The maximum silence that applies now, in ms. */
  currentTimeout: number;
  /** The time at which the request fails. */
  deadline: number;
  /** The number of replies so far. */
  count: number;
  /** Whether the other side has answered in any way. */
  isAnswered: boolean;
}

/** The ways in which a request ends. */
interface RequestCallbacks {
  /** The replies are complete. */
  readonly end: (request: OpenRequest) => void;
  /** The other side has failed. */
  readonly fail: (request: OpenRequest, error: unknown) => void;
  /** This side fails, and cancels the request at the other side. */
  readonly abandon: (request: OpenRequest, error: unknown) => void;
}

/** Handles a reply. Returns true if more replies may follow. */
export function handleReply(request: OpenRequest, { type, payload, metadata }: Message, callbacks: RequestCallbacks): boolean {
  if (type === 'reply.error') callbacks.fail(request, errorOf(payload));
  else if (type === 'reply.progress') handleProgress(request, payload, callbacks);
  // Replies without a number are accepted as they arrive.
  else if (isReply(type)) handleValue(request, type, payload, numberOf(metadata?.deliveryTag) ?? request.count, callbacks);
  request.isAnswered = true;
  return !request.subscriber.closed;
}

/** Returns the number of a reply; undefined for a tag of another kind. */
function numberOf(tag = ''): number | undefined {
  return /^\d+$/.test(tag) ? Number(tag) : undefined;
}

function isReply(type: string): boolean {
  return type === 'reply' || type === 'reply.last' || type === 'reply.complete';
}

function handleValue(request: OpenRequest, type: string, payload: unknown, number: number, { end, abandon }: RequestCallbacks): void {
  const { subscriber, count } = request;
  if (number > count) abandon(request, new MessagesMissedError(number - count));
  // A duplicate.
  if (number !== count) return;
  if (type !== 'reply') end(request);
  if (type !== 'reply.complete') {
    request.count++;
    subscriber.next(payload);
  }
  if (type !== 'reply') subscriber.complete();
}

function handleProgress(request: OpenRequest, progress: unknown, { abandon }: RequestCallbacks): void {
  try {
    request.onProgress(progress);
  } catch (error) {
    abandon(request, error);
  }
}

/** Reads an error of the other side, whose fields may be of any type. */
function errorOf(payload: unknown): ReplyError {
  const { code, message } = Object(payload) as { readonly [Field in keyof ReplyErrorPayload]?: unknown };
  return new ReplyError(typeof code === 'string' ? code : 'ERR_UNKNOWN', typeof message === 'string' ? message : '');
}

/**
 * Creates the message that cancels a request. It copies the priority and delivery of the request,
 * so that it cannot overtake it.
 */
export function cancelMessage({ id, priority, delivery, target }: Message, scheduler: SchedulerLike): Message {
  return createMessage('request.cancel', null, {
    correlationId: id,
    scheduler,
    ...(priority !== undefined && { priority }),
    ...(delivery && { delivery }),
    ...(target !== undefined && { target }),
  });
}
