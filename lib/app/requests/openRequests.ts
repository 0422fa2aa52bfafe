import { type SchedulerLike, Subscription } from 'rxjs';
import { RequestTimeoutError, type RxwireError, WireClosedError } from '../../errors.js';
import { markInternal } from '../../internal/internalSubscriptions.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import { cancelMessage, handleReply, type OpenRequest } from './openRequest.js';
import type { RequestWire } from './requestOptions.js';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';

/**
 * The open requests of a wire. They share one subscription to each of its streams, from the first
 * request to the end of the wire, and one timer.
 */
export interface OpenRequests {
  readonly size: number;
  has(id: string): boolean;
  /** Sends a request and passes replies on to its subscriber. */
  open(request: OpenRequest): void;
  /** The method `unsubscribe` of each request: cancels it at the other side if it is still open. */
  readonly cancel: (this: OpenRequest) => void;
}

export function createOpenRequests(wire: RequestWire, scheduler: SchedulerLike): OpenRequests {
  const requests = new Map<string, OpenRequest>();
  /** Present while the wire is subscribed. */
  let watching: Subscription | undefined;

  /** Returns false if the request has ended before. */
  const end = (request: OpenRequest): boolean => {
    // Another request may have this id by now: a subscriber that asks again does so before this
    // request is torn down.
    if (requests.get(request.id) !== request) return false;
    requests.delete(request.id);
    return true;
  };
  const fail = (request: OpenRequest, error: unknown): void => {
    if (end(request)) request.subscriber.error(error);
  };
  function cancel(this: OpenRequest): void {
    if (end(this)) wire.next(cancelMessage(this.message, scheduler));
  }
  const abandon = (request: OpenRequest, error: unknown): void => {
    request.unsubscribe();
    request.subscriber.error(error);
  };
  const deadlines = createDeadlines(requests, scheduler, (request) =>
    abandon(request, new RequestTimeoutError(request.id, request.currentTimeout)),
  );
  const callbacks = { end, fail, abandon };
  const onMessage = (message: Message): void => {
    // Late replies are ignored.
    const request = requests.get(message.correlationId ?? '');
    if (!request || !handleReply(request, message, callbacks)) return;
    request.currentTimeout = request.each;
    request.deadline = scheduler.now() + request.each;
    deadlines.note(request.deadline);
  };
  const watch = (): void => {
    const subscriptions = new Subscription(() => {
      watching = undefined;
      deadlines.clear();
    });
    watching = subscriptions;
    try {
      watchRequests(wire, { requests, fail, onMessage, watching });
    } catch (error) {
      subscriptions.unsubscribe();
      throw error;
    }
  };

  return {
    get size() {
      return requests.size;
    },
    has: (id) => requests.has(id),
    cancel,
    open(request) {
      requests.set(request.id, request);
      try {
        if (!watching) watch();
        // If the wire has ended already, the request has failed.
        if (requests.get(request.id) !== request) return;
        deadlines.note(request.deadline);
        wire.next(request.message);
      } catch (error) {
        fail(request, error);
      }
    },
  };
}

interface WatchOptions {
  readonly requests: ReadonlyMap<string, OpenRequest>;
  readonly fail: (request: OpenRequest, error: unknown) => void;
  readonly onMessage: (message: Message) => void;
  /** Holds the subscriptions. Ends with the wire. */
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
    if (request) fail(request, error);
  };
  const onError = (error: RxwireError): void => {
    if (error.code !== 'ERR_SESSION_LOST') return;
    // A request that the other side has not received is sent again and answered in the next
    // session.
    for (const request of [...requests.values()]) if (request.isAnswered || wire.isPending?.(request.id) === false) fail(request, error);
  };
  const complete = (): void => end(({ id }) => wire.state?.error ?? new WireClosedError(id));

  const shows = (id: string | undefined): boolean => (id === undefined ? requests.size > 0 : requests.has(id));
  const watch = (subscription: Subscription | undefined): void => watching.add(subscription && markInternal(subscription, shows));
  watch(wire.failures$?.subscribe({ next: onFailure, complete }));
  watch(wire.errors$?.subscribe(onError));
  if (!watching.closed) watch(wire.subscribe({ next: onMessage, error: (error: unknown) => end(() => error), complete }));
}

/**
 * Deadlines of many entries with one timer. A deadline that was moved back is detected when the
 * timer fires.
 *
 * @param onDue Called with each entry whose deadline has passed. It may remove other entries.
 */
function createDeadlines<T extends { readonly deadline: number }>(
  waiting: ReadonlyMap<string, T>,
  scheduler: SchedulerLike,
  onDue: (one: T) => void,
) {
  let nearest = Infinity;
  const timer = createCoalescedTimer(scheduler, () => {
    nearest = Infinity;
    const now = scheduler.now();
    for (const one of [...waiting.values()]) if (one.deadline <= now) onDue(one);
    let next = Infinity;
    for (const { deadline } of waiting.values()) next = Math.min(next, deadline);
    deadlines.note(next);
  });

  const deadlines = {
    /** Announces a deadline that is new or earlier than before. */
    note(deadline: number): void {
      if (deadline >= nearest) return;
      nearest = deadline;
      timer.clear();
      timer.set(Math.max(0, deadline - scheduler.now()));
    },
    clear(): void {
      nearest = Infinity;
      timer.clear();
    },
  };
  return deadlines;
}
