import {
  catchError,
  defer,
  EMPTY,
  finalize,
  interval,
  merge,
  of,
  Subject,
  Subscription,
  take,
  tap,
  type Observable,
  type Unsubscribable,
} from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { CloseCode } from '../link/closeCode.js';
import type { ClusterRequests, ForwardedRequest, ForwardedRequestHandler, ForwardedResponse } from '../link/http/clusterRequests.js';
import {
  ALIVE,
  ALIVE_INTERVAL,
  createFrameReader,
  createFrameWriter,
  decodeHead,
  encodeHead,
  encodeIds,
  FrameKind,
  isFirstFrame,
  maxPiece,
  requestsSubject,
  type RequestHead,
} from './forwardFrame.js';
import { failed, type NodeContext } from './natsContext.js';

/** The maximum number of requests of other nodes at once; the node answers more with 503. */
const MAX_REQUESTS = 50_000;

/** One request of another node, until its response is sent: reads its frames. */
type ServedRequest = (data: Uint8Array) => void;

type Handle = (request: ForwardedRequest) => Observable<ForwardedResponse>;

/** Creates the function that answers the requests of other nodes. */
export function createNatsRequestServer(context: NodeContext): ClusterRequests['serve'] {
  const { connection, isConnected, scheduler, listen, name, node } = context;
  const handlers = new Set<ForwardedRequestHandler>();
  /** By the subject for the response. */
  const served = new Map<string, ServedRequest>();
  let subscription: Unsubscribable | undefined;
  let reports = Subscription.EMPTY;

  const handle: Handle = (request) => {
    if (served.size > MAX_REQUESTS) return of({ status: 503, headers: { 'retry-after': '1' } });
    for (const handler of handlers) {
      const response$ = handler(request);
      if (response$) return response$;
    }
    return of({ status: 404, headers: {} });
  };
  /**
   * Tells each node which of its requests are held, so that it does not take this node for dead.
   */
  const reportHeld = (): void => {
    if (!isConnected()) return;
    const held = new Map<string, number[]>();
    for (const reply of served.keys()) {
      const at = reply.lastIndexOf('.');
      const inbox = reply.slice(0, at);
      const ids = held.get(inbox) ?? [];
      ids.push(Number(reply.slice(at + 1)));
      held.set(inbox, ids);
    }
    for (const [inbox, ids] of held) for (const data of encodeIds(ids, maxPiece(context))) connection.publish(`${inbox}.${ALIVE}`, data);
  };
  const start = (reply: string): ServedRequest => {
    const request = createServedRequest(context, reply, handle, () => {
      served.delete(reply);
      if (served.size === 0) reports.unsubscribe();
    });
    if (served.size === 0) reports = interval(ALIVE_INTERVAL, scheduler).subscribe(reportHeld);
    served.set(reply, request);
    return request;
  };
  const receive = (data: Uint8Array, reply: string): void => {
    // A later frame of a request that has ended starts no other.
    const request = served.get(reply) ?? (isFirstFrame(data) ? start(reply) : undefined);
    request?.(data);
  };

  return (handler) => {
    handlers.add(handler);
    subscription ??= listen(requestsSubject(name, node), ({ data, reply = '' }) => receive(data, reply));
    return () => {
      handlers.delete(handler);
      if (handlers.size > 0) return;
      subscription?.unsubscribe();
      subscription = undefined;
    };
  };
}

/** @param onEnd Called when the response is sent, or the client has disconnected. */
function createServedRequest(context: NodeContext, reply: string, handle: Handle, onEnd: () => void): ServedRequest {
  const { isConnected, lost$, report } = context;
  const read = createFrameReader();
  const writer = createFrameWriter(context, reply);
  const body$ = new Subject<Uint8Array>();
  const running = new Subscription();

  const requested$ = defer(() => {
    writer.write(FrameKind.CONTINUE);
    return body$;
  });
  const respond = ({ status, headers, body = new Uint8Array() }: ForwardedResponse): void => {
    writer.write(FrameKind.RESPONSE, encodeHead({ status, headers, size: body.length }));
    writer.writePieces(FrameKind.RESPONSE_BODY, body);
  };
  const reportFailure = (cause: unknown): Observable<never> => {
    if (isConnected()) report(failed(cause));
    return EMPTY;
  };
  const run = (head: Uint8Array): void => {
    const response$ = defer(() => handle({ ...(decodeHead(head) as RequestHead), body$: requested$ }));
    const handled$ = merge(response$, lost$).pipe(take(1), tap(respond), catchError(reportFailure), finalize(onEnd));
    running.add(handled$.subscribe());
  };
  return (data) => {
    const frame = read(data);
    if (!frame) body$.error(new ConnectionLostError(CloseCode.ABNORMAL, 'a part of the request is missing'));
    else if (frame.kind === FrameKind.REQUEST) run(frame.payload);
    else if (frame.kind === FrameKind.BODY) body$.next(frame.payload);
    else if (frame.kind === FrameKind.BODY_END) body$.complete();
    else if (frame.kind === FrameKind.ABORT) running.unsubscribe();
  };
}
