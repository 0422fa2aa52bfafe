import { nanoid } from 'nanoid';
import { asyncScheduler, noop, Observable, type SchedulerLike } from 'rxjs';
import { OverflowError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import type { Message } from '../../message/types.js';
import type { Call } from './call.js';
import { createCalls, type Calls } from './calls.js';
import type { RequestOptions, RequestWire } from './requestOptions.js';
import type { ReplyOf } from './requestTypes.js';

/**
 * Asks the other side: each subscription sends the message as a request, emits what that is answered with, and completes when that does. Whoever
 * unsubscribes cancels it at the other side. It works in both directions; {@link reply} is what answers.
 *
 *     request(wire, message)      -a-b-|
 *     unsubscribed after 3 ms     -a-!          (the other side is told)
 *
 * A reply comes once, and in order. Of one subscription after the other, the first has the id of the message, and those that follow have their own.
 * A request that has waited for its connection longer than `timeout` is not sent any more, unless the message has a `ttl` of its own.
 *
 * Over a wire, this is a subscriber like any other: subscribe first to what the other side says unasked.
 *
 * @throws {RangeError} At call time, if a number is not positive.
 * @throws {ReplyError} Delivered, when it is answered with an error.
 * @throws {RequestTimeoutError} Delivered, when the other side was silent for too long; it is told that nobody waits any more.
 * @throws {OverflowError} Delivered, when more than `maxOpen` are open.
 * @throws {SessionLostError} Delivered, when the other side had the request, and has forgotten it.
 * @throws {MessagesMissedError} Delivered, when the other side had to drop replies.
 * @throws {WireClosedError} Delivered, when the wire ends before the answer does; what it has failed with, where it has.
 * @throws What `receipts$` say of a request that cannot be sent, delivered.
 * @example
 * request(wire, createMessage('files.list', '/'), { timeout: 5_000 }).subscribe({
 *   next: (name) => draw(name),
 *   error: ({ code, remoteCode }) => console.warn(code, remoteCode),
 * });
 */
export function request<T extends string>(
  wire: RequestWire,
  message: Message<T, unknown>,
  options: RequestOptions<T> = {},
): Observable<ReplyOf<T>> {
  const { timeout = 30_000, each = timeout, maxOpen = 1_000, onProgress = noop, scheduler = asyncScheduler } = options;
  assertPositive('request', { timeout, each, maxOpen });
  let isFirst = true;

  return new Observable<ReplyOf<T>>((subscriber) => {
    const calls = callsOf(wire, scheduler);
    if (calls.size >= maxOpen) {
      subscriber.error(new OverflowError('open requests', maxOpen));
      return;
    }
    const now = scheduler.now();
    const id = isFirst && !calls.has(message.id) ? message.id : nanoid();
    isFirst = false;
    const deadline = now + timeout;
    const call: Call = {
      id,
      message: asRequest(message, id, deadline),
      subscriber,
      onProgress: onProgress as Call['onProgress'],
      each,
      patience: timeout,
      deadline,
      count: 0,
      isTaken: false,
    };
    subscriber.add(() => calls.leave(call));
    calls.open(call);
  });
}

const OTHERS = ['target', 'correlationId', 'replyTo', 'priority', 'headers', 'metadata', 'delivery'] as const satisfies (keyof Message)[];

/** A copy that is of no use any more when nobody waits for the answer. Field by field: that is several times as fast as to spread it. */
function asRequest(message: Message, id: string, deadline: number): Message {
  const { type, timestamp, version, source, payload, ttl = deadline - timestamp } = message;
  const copy: Record<string, unknown> = { id, type, timestamp, version, source, payload };
  if (ttl > 0 && ttl < Infinity) copy['ttl'] = ttl;
  for (const field of OTHERS) if (message[field] !== undefined) copy[field] = message[field];
  return copy as unknown as Message;
}

const known = /* @__PURE__ */ new WeakMap<RequestWire, WeakMap<SchedulerLike, Calls>>();

function callsOf(wire: RequestWire, scheduler: SchedulerLike): Calls {
  let byTime = known.get(wire);
  if (!byTime) known.set(wire, (byTime = new WeakMap()));
  let calls = byTime.get(scheduler);
  if (!calls) byTime.set(scheduler, (calls = createCalls(wire, scheduler)));
  return calls;
}
