import { Subscription, type SchedulerLike } from 'rxjs';
import { RequestTimeoutError, WireClosedError, type RxwireError } from '../../errors.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import { cancelMessage, handleReply, type OpenRequest } from './openRequest.js';
import { createDeadlines } from './deadlines.js';
import type { RequestWire } from './requestOptions.js';

/** The open requests of a wire. They share one subscription to each of its streams, and one timer. */
export interface OpenRequests {
  readonly size: number;
  has(id: string): boolean;
  /** Sends a request and passes replies on to its subscriber. */
  open(request: OpenRequest): void;
  /** Cancels a request at the other side if it is still open. */
  readonly cancel: (request: OpenRequest) => void;
}

export function createOpenRequests(wire: RequestWire, scheduler: SchedulerLike): OpenRequests {
  const requests = new Map<string, OpenRequest>();
  let subscription = Subscription.EMPTY;

  /** Returns false if the request has ended before. */
  const end = (request: OpenRequest): boolean => {
    // Another request may have this id by now: a subscriber that asks again does so before this request is torn down.
    if (requests.get(request.id) !== request) return false;
    requests.delete(request.id);
    if (requests.size > 0) return true;
    subscription.unsubscribe();
    deadlines.clear();
    return true;
  };
  const fail = (request: OpenRequest, error: unknown): void => {
    if (end(request)) request.subscriber.error(error);
  };
  const leave = (request: OpenRequest): void => {
    if (end(request)) wire.next(cancelMessage(request.message, scheduler));
  };
  const abandon = (request: OpenRequest, error: unknown): void => {
    leave(request);
    request.subscriber.error(error);
  };
  const deadlines = createDeadlines(requests, scheduler, (request) =>
    abandon(request, new RequestTimeoutError(request.id, request.currentTimeout)),
  );
  const onMessage = (message: Message): void => {
    // Late replies are ignored.
    const request = requests.get(message.correlationId ?? '');
    if (!request || !handleReply(request, message, { end, fail, abandon })) return;
    request.currentTimeout = request.each;
    request.deadline = scheduler.now() + request.each;
    deadlines.note(request.deadline);
  };

  return {
    get size() {
      return requests.size;
    },
    has: (id) => requests.has(id),
    cancel: leave,
    open(request) {
      requests.set(request.id, request);
      try {
        if (requests.size === 1) watchRequests(wire, { calls: requests, fail, onMessage, watching: (subscription = new Subscription()) });
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
  readonly calls: ReadonlyMap<string, OpenRequest>;
  readonly fail: (call: OpenRequest, error: unknown) => void;
  readonly onMessage: (message: Message) => void;
  /** Ends the subscriptions. */
  readonly watching: Subscription;
}

/** Subscribes to a wire, and fails the requests that can no longer be answered. */
function watchRequests(wire: RequestWire, { calls, fail, onMessage, watching }: WatchOptions): void {
  const failAll = (errorOf: (call: OpenRequest) => unknown): void => {
    for (const call of [...calls.values()]) fail(call, errorOf(call));
  };
  const onReceipt = ({ id, status, error }: Receipt): void => {
    const call = calls.get(id);
    if (call && error) fail(call, error);
    else if (call && status === 'acked') call.isReceived = true;
  };
  const onError = (error: RxwireError): void => {
    if (error.code !== 'ERR_SESSION_LOST') return;
    // A request that the other side has not received is sent again and answered in the next session.
    for (const call of [...calls.values()]) if (call.isReceived) fail(call, error);
  };
  const onEnd = (): void => failAll(({ id }) => wire.state?.error ?? new WireClosedError(id));

  watching.add(wire.receipts$?.subscribe({ next: onReceipt, complete: onEnd }));
  watching.add(wire.errors$?.subscribe(onError));
  if (watching.closed) return;
  watching.add(wire.subscribe({ next: onMessage, error: (error: unknown) => failAll(() => error), complete: onEnd }));
}
