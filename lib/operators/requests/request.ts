import { nanoid } from 'nanoid';
import { noop, Observable, type SchedulerLike, type Subscriber, Subscription, type Unsubscribable } from 'rxjs';
import { assertPositive, checkOptions, checkWire } from '../../message/development.js';
import {
  MessagesMissedError,
  OverflowError,
  ReplyError,
  RequestTimeoutError,
  type RxwireError,
  UnhandledError,
  MessageDroppedError,
  WireClosedError,
} from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { createCoalescedTimer } from '../timing/coalescedTimer.js';
import { markInternal } from '../../wire/internalSubscriptions.js';
import { steadyScheduler, wallTime } from '../../message/steadyScheduler.js';
import { createMessage } from '../../message/createMessage.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';
import type { ReplyOf, RequestOptions, RequestWire } from './requestTypes.js';

/**
 * Sends a request: each subscription sends the message, emits the replies, and completes with the
 * last one. Unsubscribing cancels the request at the other side, unless the wire was completed. It
 * works in both directions; {@link reply} answers.
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
 * @throws {UnhandledError} Delivered, when the other side has no handler for the type.
 * @throws {RequestTimeoutError} Delivered, after a long silence; the request is cancelled.
 * @throws {OverflowError} Delivered, when more than `maxOpen` are open.
 * @throws {SessionLostError} Delivered, when the other side has lost a received request.
 * @throws {MessagesMissedError} Delivered, when the other side dropped replies.
 * @throws {WireClosedError} Delivered, or the error of the wire, when the wire ends before.
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
  checkWire('request', wire);
  checkOptions('request', options);
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
      hasOwnTtl: message.ttl !== undefined,
      subscriber,
      onProgress: onProgress as OpenRequest['onProgress'],
      each,
      currentTimeout: timeout,
      deadline: scheduler.now() + timeout,
      count: 0,
      isAnswered: false,
      missed: 0,
      unsubscribe: cancel,
    };
    subscriber.add(call);
    open(call);
  });
}

/** Marks a request: a receiver without a handler answers at once. */
const MARK = { request: true } as const;

const OPTIONAL_FIELDS = ['target', 'correlationId', 'replyTo', 'priority', 'headers', 'delivery'] as const satisfies (keyof Message)[];

/** Returns a copy that expires at the deadline, in ms since the epoch. A spread is slow. */
function asRequest(message: Message, id: string, deadline: number): Message {
  const { type, timestamp, version, source, payload, ttl = deadline - timestamp } = message;
  const copy: Record<string, unknown> = { id, type, timestamp, version, source, payload };
  if (ttl >= 0 && ttl < Infinity) copy['ttl'] = ttl;
  for (const field of OPTIONAL_FIELDS) if (message[field] !== undefined) copy[field] = message[field];
  copy['metadata'] = message.metadata ? { ...message.metadata, ...MARK } : MARK;
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

/** A request that is waiting for replies. Its subscriber unsubscribes it, which cancels it. */
interface OpenRequest extends Unsubscribable {
  readonly id: string;
  readonly message: Message;
  /** Whether the application has set the `ttl`; otherwise it passes at the deadline. */
  readonly hasOwnTtl: boolean;
  readonly subscriber: Subscriber<unknown>;
  readonly onProgress: (progress: unknown) => unknown;
  /** The maximum silence of the other side after its first reply or progress, in ms. */
  readonly each: number;
  currentTimeout: number;
  deadline: number;
  count: number;
  isAnswered: boolean;
  /** The number of missing replies: the request fails when their reason arrives, or soon. */
  missed: number;
}

/** The time for the reason of missing replies, which follows the replies behind them, in ms. */
const REASON_TIMEOUT = 1_000;

type OpenRequests = ReturnType<typeof createOpenRequests>;

/** Creates the open requests of a wire, which share its streams until its end, and one timer. */
function createOpenRequests(wire: RequestWire, scheduler: SchedulerLike) {
  const requests = new Map<string, OpenRequest>();
  let watching: Subscription | undefined;
  /** The time at which the timer fires. It detects only then that a deadline was moved back. */
  let nearest = Infinity;

  /** Returns false if the request has ended before. */
  const end = (request: OpenRequest): boolean => {
    // Another request may have this id by now: a subscriber may ask again before the teardown.
    if (requests.get(request.id) !== request) return false;
    requests.delete(request.id);
    return true;
  };
  const fail = (request: OpenRequest, error: unknown): void => {
    if (end(request)) request.subscriber.error(error);
  };
  function cancel(this: OpenRequest): void {
    // A wire that drains takes no more messages.
    if (end(this) && wire.state?.status !== 'disconnecting') wire.next(cancelMessage(this.message, scheduler));
  }
  const abandon = (request: OpenRequest, error: unknown): void => {
    request.unsubscribe();
    request.subscriber.error(error);
  };
  const note = (deadline: number): void => {
    if (deadline >= nearest) return;
    nearest = deadline;
    timer.clear();
    timer.set(Math.max(0, deadline - scheduler.now()));
  };
  const timer = createCoalescedTimer(scheduler, () => {
    nearest = Infinity;
    const now = scheduler.now();
    for (const request of [...requests.values()]) if (request.deadline <= now) abandon(request, lateError(request));
    let next = Infinity;
    for (const { deadline } of requests.values()) next = Math.min(next, deadline);
    note(next);
  });

  const ends: RequestEnds = { end, fail, abandon };
  const onMessage = (message: Message): void => {
    // Late replies are ignored.
    const request = requests.get(message.correlationId ?? '');
    if (!request) return;
    request.isAnswered = true;
    const { missed } = request;
    handleReply(request, message, ends);
    if (request.subscriber.closed || missed > 0) return;
    request.currentTimeout = request.missed > 0 ? Math.min(REASON_TIMEOUT, request.each) : request.each;
    request.deadline = scheduler.now() + request.currentTimeout;
    note(request.deadline);
  };
  const watch = (): void => {
    const subscriptions = (watching = new Subscription(() => {
      watching = undefined;
      nearest = Infinity;
      timer.clear();
    }));
    try {
      watchRequests(wire, { requests, fail, onMessage, watching });
    } catch (error) {
      subscriptions.unsubscribe();
      throw error;
    }
  };

  return {
    requests,
    /** The method `unsubscribe` of each request: cancels it at the other side if it is open. */
    cancel,
    open: (request: OpenRequest): void => {
      requests.set(request.id, request);
      try {
        if (!watching) watch();
        // If the wire has ended already, the request has failed.
        if (requests.get(request.id) !== request) return;
        note(request.deadline);
        wire.next(request.message);
      } catch (error) {
        fail(request, error);
      }
    },
  };
}

type RequestEnds = Readonly<Record<'end' | 'fail' | 'abandon', (request: OpenRequest, error?: unknown) => unknown>>;

function lateError({ id, missed, currentTimeout, message: { type } }: OpenRequest): RxwireError {
  return missed > 0 ? new MessagesMissedError(missed) : new RequestTimeoutError(id, currentTimeout, type);
}

function handleReply(request: OpenRequest, { type, payload, metadata }: Message, { end, fail, abandon }: RequestEnds): void {
  const { subscriber } = request;
  if (type === 'reply.error') fail(request, replyErrorOf(payload, request.message));
  else if (request.missed > 0) return;
  else if (type === 'reply.progress') {
    callSafely(
      () => request.onProgress(payload),
      (error) => abandon(request, error),
    );
  } else if (type === 'reply' || type === 'reply.last' || type === 'reply.complete') {
    const deliveryTag = metadata?.deliveryTag;
    // Replies without a number are accepted as they arrive.
    const missing = deliveryTag !== undefined && /^\d+$/.test(deliveryTag) ? Number(deliveryTag) - request.count : 0;
    // If one of them could not be sent, an error with the reason follows.
    if (missing > 0) request.missed = missing;
    // A duplicate.
    if (missing !== 0) return;
    if (type !== 'reply') end(request);
    if (type !== 'reply.complete') {
      request.count++;
      subscriber.next(payload);
    }
    if (type !== 'reply') subscriber.complete();
  }
}

/** Reads an error of the other side, whose fields may be of any type. */
export function replyErrorOf(payload: unknown, request: Message): RxwireError {
  const { code, message } = Object(payload) as { readonly [Field in keyof ReplyErrorPayload]?: unknown };
  if (code === 'ERR_UNHANDLED') return new UnhandledError(request);
  return new ReplyError(typeof code === 'string' ? code : 'ERR_UNKNOWN', typeof message === 'string' ? message : '');
}

/** Creates the message that cancels a request, and that cannot overtake it. */
export function cancelMessage({ id, priority, delivery, target }: Message, scheduler: SchedulerLike): Message {
  return createMessage('request.cancel', null, {
    correlationId: id,
    scheduler,
    ...(priority !== undefined && { priority }),
    ...(delivery && { delivery }),
    ...(target !== undefined && { target }),
  });
}

interface WatchOptions {
  readonly requests: ReadonlyMap<string, OpenRequest>;
  readonly fail: (request: OpenRequest, error: unknown) => void;
  readonly onMessage: (message: Message) => void;
  readonly watching: Subscription;
}

/** Subscribes to a wire, and fails the requests that can no longer be answered. */
function watchRequests(wire: RequestWire, { requests, fail, onMessage, watching }: WatchOptions): void {
  const end = (errorOf: (request: OpenRequest) => unknown): void => {
    watching.unsubscribe();
    for (const request of [...requests.values()]) fail(request, errorOf(request));
  };
  const onFailure = ({ id, error }: Receipt): void => {
    const request = requests.get(id);
    if (!request) return;
    const isTimeout = !request.hasOwnTtl && error instanceof MessageDroppedError && error.reason === 'expired';
    fail(request, isTimeout ? new RequestTimeoutError(id, request.currentTimeout, request.message.type) : error);
  };
  const onError = (error: RxwireError): void => {
    if (error.code !== 'ERR_SESSION_LOST') return;
    // A request that the other side has not received is sent again in the next session.
    for (const request of [...requests.values()]) if (request.isAnswered || wire.isPending?.(request.id) === false) fail(request, error);
  };
  const complete = (): void => end(({ id }) => wire.state?.error ?? new WireClosedError(id));

  const shows = (id: string | undefined): boolean => (id === undefined ? requests.size > 0 : requests.has(id));
  const watch = (subscription: Subscription | undefined): void => watching.add(subscription && markInternal(subscription, shows));
  watch(wire.failures$?.subscribe({ next: onFailure, complete }));
  watch(wire.errors$?.subscribe(onError));
  if (!watching.closed) watch(wire.subscribe({ next: onMessage, error: (error: unknown) => end(() => error), complete }));
}
