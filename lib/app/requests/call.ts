import type { SchedulerLike, Subscriber } from 'rxjs';
import { MessagesMissedError, ReplyError } from '../../errors.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';

/** A request that is open. */
export interface Call {
  readonly id: string;
  readonly message: Message;
  readonly subscriber: Subscriber<unknown>;
  readonly onProgress: (progress: unknown) => void;
  /** How long the other side may be silent once it has said something, in ms. */
  readonly each: number;
  /** How long it may be silent now. */
  patience: number;
  /** Until when. */
  deadline: number;
  /** Replies so far. */
  count: number;
  /** Whether the other side is known to have it. */
  isTaken: boolean;
}

/** How a call may end. */
interface Endings {
  /** All was said. */
  readonly end: (call: Call) => void;
  /** The other side has given up. */
  readonly fail: (call: Call, error: unknown) => void;
  /** We have, and the other side is told. */
  readonly giveUp: (call: Call, error: unknown) => void;
}

/** Hears what the other side says of a request. True, when there is more to come. */
export function hear(call: Call, { type, payload, metadata }: Message, endings: Endings): boolean {
  if (type === 'reply.error') endings.fail(call, errorOf(payload));
  else if (type === 'reply.progress') report(call, payload, endings);
  // Who gives no numbers is believed.
  else if (isReply(type)) take(call, type, payload, metadata?.deliveryTag ?? call.count, endings);
  call.isTaken = true;
  return !call.subscriber.closed;
}

function isReply(type: string): boolean {
  return type === 'reply' || type === 'reply.last' || type === 'reply.complete';
}

function take(call: Call, type: string, payload: unknown, number: number, { end, giveUp }: Endings): void {
  const { subscriber, count } = call;
  if (number > count) giveUp(call, new MessagesMissedError(number - count));
  // A repeat.
  if (number !== count) return;
  if (type !== 'reply') end(call);
  if (type !== 'reply.complete') {
    call.count++;
    subscriber.next(payload);
  }
  if (type !== 'reply') subscriber.complete();
}

function report(call: Call, progress: unknown, { giveUp }: Endings): void {
  try {
    call.onProgress(progress);
  } catch (error) {
    giveUp(call, error);
  }
}

/** What comes from outside may be anything. */
function errorOf(payload: unknown): ReplyError {
  const { code, message } = Object(payload) as { readonly [Field in keyof ReplyErrorPayload]?: unknown };
  return new ReplyError(typeof code === 'string' ? code : 'ERR_UNKNOWN', typeof message === 'string' ? message : '');
}

/** Says that nobody waits for an answer any more. It must not overtake the request: it goes the way that this went. */
export function cancelOf({ id, priority, delivery, target }: Message, scheduler: SchedulerLike): Message {
  return createMessage('request.cancel', null, {
    ...{ correlationId: id, scheduler },
    ...(priority !== undefined && { priority }),
    ...(delivery && { delivery }),
    ...(target !== undefined && { target }),
  });
}
