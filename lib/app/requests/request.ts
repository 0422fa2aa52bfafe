import { nanoid } from 'nanoid';
import { noop, Observable, type SchedulerLike } from 'rxjs';
import { OverflowError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import { steadyScheduler, wallTime } from '../../internal/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import { createOpenRequests, type OpenRequest, type OpenRequests } from './openRequests.js';
import type { ReplyOf, RequestOptions, RequestWire } from './requestTypes.js';

/**
 * Sends a request: each subscription sends the message, emits the replies, and completes with the
 * last one. Unsubscribing cancels the request at the other side. It works in both directions;
 * {@link reply} answers.
 *
 *     request(wire, message)      -a-b-|
 *     unsubscribed after 3 ms     -a-!          (and cancels at the other side)
 *
 * Replies arrive once and in order. The first subscription uses the id of the message; later ones
 * get new ids. A request that waited for its connection longer than `timeout` is not sent, unless
 * the message has a `ttl` of its own.
 *
 * The first request subscribes to the wire, and stays subscribed until the wire ends: subscribe to
 * unsolicited messages first.
 *
 * @throws {RangeError} At call time, if a number is not positive.
 * @throws {ReplyError} Delivered, when the other side answers with an error.
 * @throws {RequestTimeoutError} Delivered, when the other side was silent for too long; the request
 *   is cancelled there.
 * @throws {OverflowError} Delivered, when more than `maxOpen` are open.
 * @throws {SessionLostError} Delivered, when the other side received the request and lost its
 *   session.
 * @throws {MessagesMissedError} Delivered, when the other side dropped replies.
 * @throws {WireClosedError} Delivered, when the wire ends before the replies do; the error of the
 *   wire, if it failed.
 * @throws The error of a receipt, delivered, when the request cannot be sent.
 * @example
 * import { connect, createMessage, request, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * request(wire, createMessage('files.list', '/'), { timeout: 5_000 }).subscribe({
 *   next: (name) => console.log(name),
 *   error: ({ code, remoteCode }) => console.warn(code, remoteCode),
 * });
 */
export function request<T extends string>(
  wire: RequestWire,
  message: Message<T, unknown>,
  options: RequestOptions<T> = {},
): Observable<ReplyOf<T>> {
  const { timeout = 30_000, each = timeout, maxOpen = 1_000, onProgress = noop, scheduler = steadyScheduler() } = options;
  assertPositive('request', { timeout, each, maxOpen });
  let isFirst = true;

  return new Observable<ReplyOf<T>>((subscriber) => {
    const { requests, cancel, open } = openRequestsOf(wire, scheduler);
    if (requests.size >= maxOpen) {
      subscriber.error(new OverflowError('open requests', maxOpen));
      return;
    }
    const id = isFirst && !requests.has(message.id) ? message.id : nanoid();
    isFirst = false;
    const call: OpenRequest = {
      id,
      message: asRequest(message, id, wallTime(scheduler) + timeout),
      subscriber,
      onProgress: onProgress as OpenRequest['onProgress'],
      each,
      currentTimeout: timeout,
      deadline: scheduler.now() + timeout,
      count: 0,
      isAnswered: false,
      unsubscribe: cancel,
    };
    subscriber.add(call);
    open(call);
  });
}

const OPTIONAL_FIELDS = [
  'target',
  'correlationId',
  'replyTo',
  'priority',
  'headers',
  'metadata',
  'delivery',
] as const satisfies (keyof Message)[];

/**
 * Returns a copy that expires at the deadline, in ms since the epoch. Assigning each field is
 * several times as fast as a spread.
 */
function asRequest(message: Message, id: string, deadline: number): Message {
  const { type, timestamp, version, source, payload, ttl = deadline - timestamp } = message;
  const copy: Record<string, unknown> = { id, type, timestamp, version, source, payload };
  if (ttl >= 0 && ttl < Infinity) copy['ttl'] = ttl;
  for (const field of OPTIONAL_FIELDS) if (message[field] !== undefined) copy[field] = message[field];
  return copy as unknown as Message;
}

const openRequestsByWire = /* @__PURE__ */ new WeakMap<RequestWire, WeakMap<SchedulerLike, OpenRequests>>();

function openRequestsOf(wire: RequestWire, scheduler: SchedulerLike): OpenRequests {
  let byTime = openRequestsByWire.get(wire);
  if (!byTime) openRequestsByWire.set(wire, (byTime = new WeakMap()));
  let openRequests = byTime.get(scheduler);
  if (!openRequests) byTime.set(scheduler, (openRequests = createOpenRequests(wire, scheduler)));
  return openRequests;
}
