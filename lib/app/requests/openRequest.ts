import type { SchedulerLike, Subscriber, Unsubscribable } from 'rxjs';
import { MessagesMissedError, ReplyError } from '../../errors.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';

/** A request that is waiting for replies. Its subscriber unsubscribes it, which cancels it. */
export interface OpenRequest extends Unsubscribable {
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
export function handleReply(request: OpenRequest, message: Message, callbacks: RequestCallbacks): boolean {
  const { type, payload } = message;
  request.isAnswered = true;
  if (type === 'reply' || type === 'reply.last' || type === 'reply.complete') handleValue(request, message, callbacks);
  else if (type === 'reply.error') callbacks.fail(request, errorOf(payload));
  else if (type === 'reply.progress') handleProgress(request, payload, callbacks);
  return !request.subscriber.closed;
}

function handleValue(request: OpenRequest, message: Message, { end, abandon }: RequestCallbacks): void {
  const { subscriber } = request;
  const { type, payload, metadata } = message;
  const deliveryTag = metadata?.deliveryTag;
  // Replies without a number are accepted as they arrive.
  const missing = deliveryTag !== undefined && /^\d+$/.test(deliveryTag) ? Number(deliveryTag) - request.count : 0;
  if (missing > 0) abandon(request, new MessagesMissedError(missing));
  // A duplicate.
  if (missing !== 0) return;
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
