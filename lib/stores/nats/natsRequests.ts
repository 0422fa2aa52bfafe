import { nanoid } from 'nanoid';
import {
  catchError,
  defer,
  EMPTY,
  filter,
  finalize,
  interval,
  map,
  merge,
  noop,
  of,
  retry,
  Subject,
  Subscription,
  take,
  tap,
  throwError,
  timer,
  type Observable,
  type Unsubscribable,
} from 'rxjs';
import { ConnectionLostError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { concatBytes } from '../../message/bytes.js';
import { CloseCode } from '../../message/closeCode.js';
import type { ClusterRequests, ForwardedRequest, ForwardedRequestHandler, ForwardedResponse } from '../../wire/session/serverCluster.js';
import { NoRespondersError } from './batchedRequests.js';
import {
  createFrames,
  decodeHead,
  decodeIds,
  encodeHead,
  encodeIds,
  FrameKind,
  isFirstFrame,
  maxPiece,
  type Frames,
  type RequestHead,
  type ResponseHead,
} from './forwardFrame.js';
import { failed, type NatsMessage, type NodeContext } from './natsContext.js';

/** How often a node reports the requests that it has not yet answered, in ms. */
const ALIVE_INTERVAL = 1_000;
/** How long the other node may be silent, in ms. */
const MAX_SILENCE = 2_500;
/** The last token of the subject of reports; that of a response is the id of its request. */
const ALIVE = 'alive';
/**
 * How often a request is sent again that no node has received, and the delay, in ms: NATS needs a
 * moment to learn of a new subscription.
 */
const RETRY = { count: 2, delay: 50 } as const;
/** The maximum number of requests of other nodes at once; the node answers more with 503. */
const MAX_REQUESTS = 50_000;

interface PendingRequest {
  heardAt: number;
  readonly messages$: Subject<NatsMessage>;
}

/**
 * Passes the requests of HTTP links between nodes, over core subjects of NATS: requests to
 * `<cluster>.node.<node>.requests`, responses to a subject of the process that has sent the
 * request. Bodies travel in pieces. The head is sent first, and the body only when the other node
 * requests it.
 *
 * A request fails when no node of that name has subscribed, when the node does not report it for
 * 2.5 s, when a piece is lost, and when the connection to NATS is.
 */
export function createNatsRequests(context: NodeContext): ClusterRequests {
  return { send: createSender(context), serve: createServer(context) };
}

/** Receives the responses for as long as the connection is open. */
function createSender(context: NodeContext): ClusterRequests['send'] {
  const { isConnected, lost$, scheduler, listen, name, node } = context;
  // Another process may have the name of this node.
  const inbox = `${name}.node.${node}.responses.${nanoid()}`;
  const pending = new Map<number, PendingRequest>();
  let ids = 0;
  let checks = Subscription.EMPTY;

  const receive = (message: NatsMessage): void => {
    const id = message.subject.slice(inbox.length + 1);
    for (const reported of id === ALIVE ? decodeIds(message.data) : [Number(id)]) {
      const request = pending.get(reported);
      if (request) request.heardAt = scheduler.now();
      if (id !== ALIVE) request?.messages$.next(message);
    }
  };
  listen(`${inbox}.*`, receive);
  const checkSilence = (): void => {
    const since = scheduler.now() - MAX_SILENCE;
    for (const { heardAt, messages$ } of pending.values()) if (heardAt < since) messages$.error(new Error('the node is silent'));
  };

  const sendOnce = (target: string, { body$, ...head }: ForwardedRequest): Observable<ForwardedResponse> =>
    defer(() => {
      if (!isConnected()) throw new Error('the connection to NATS is lost');
      const id = (ids = (ids + 1) >>> 0);
      const messages$ = new Subject<NatsMessage>();
      const frames = createFrames(context, `${name}.node.${target}.requests`, `${inbox}.${id}`);
      const body = new Subscription();
      let isOver = false;
      const read = createResponseReader(frames, () => {
        const next = (chunk: Uint8Array): void => frames.writePieces(FrameKind.BODY, chunk);
        const sent$ = body$.pipe(tap({ next, complete: () => frames.write(FrameKind.BODY_END) }));
        body.add(sent$.subscribe({ error: (error: unknown) => messages$.error(error) }));
      });
      const response$ = messages$.pipe(
        map((message) => read(message)),
        filter((response) => response !== undefined),
        tap({
          next: () => (isOver = true),
          error: (error: unknown) => (isOver ||= error instanceof NoRespondersError),
        }),
      );
      const end = (): void => {
        pending.delete(id);
        if (pending.size === 0) checks.unsubscribe();
        body.unsubscribe();
        // The connection may be draining: then the other node notices the silence.
        if (!isOver && isConnected()) callSafely(() => frames.write(FrameKind.ABORT), noop);
      };
      frames.write(FrameKind.REQUEST, encodeHead(head));
      if (pending.size === 0) checks = interval(ALIVE_INTERVAL / 2, scheduler).subscribe(checkSilence);
      pending.set(id, { heardAt: scheduler.now(), messages$ });
      return merge(response$, lost$).pipe(take(1), finalize(end));
    });

  const delay = (error: unknown, attempt: number): Observable<unknown> =>
    error instanceof NoRespondersError ? timer(RETRY.delay * attempt, scheduler) : throwError(() => error);
  return (target, request) =>
    sendOnce(target, request).pipe(
      retry({ count: RETRY.count, delay }),
      catchError((error: unknown) => throwError(() => failed(error))),
    );
}

/**
 * Creates a function that reads the frames of a response, and returns the response when it is
 * complete.
 * @param onContinue Called when the other node wants the body.
 * @throws {Error} If it will never be.
 */
function createResponseReader(frames: Frames, onContinue: () => void) {
  const body: Uint8Array[] = [];
  let head: ResponseHead | undefined;
  let [size, hasBegun] = [0, false];

  return ({ data, headers }: NatsMessage): ForwardedResponse | undefined => {
    if (data.length === 0 && headers?.code === 503)
      throw hasBegun ? new Error('the node has gone') : new NoRespondersError('no such node receives requests');
    hasBegun = true;
    const frame = frames.read(data);
    if (!frame) throw new Error('a part of the response is missing');
    const { kind, payload } = frame;
    if (kind === FrameKind.CONTINUE) onContinue();
    else if (kind === FrameKind.RESPONSE) head = decodeHead(payload) as ResponseHead;
    else if (kind === FrameKind.RESPONSE_BODY) {
      body.push(payload);
      size += payload.length;
    }
    if (!head || size < head.size) return undefined;
    return { status: head.status, headers: head.headers, ...(size > 0 && { body: concatBytes(body) }) };
  };
}

type ServedRequest = (data: Uint8Array) => void;

type Handle = (request: ForwardedRequest) => Observable<ForwardedResponse>;

function createServer(context: NodeContext): ClusterRequests['serve'] {
  const { connection, isConnected, scheduler, listen, name, node, report } = context;
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
  /** Reports the held requests to their nodes, which do not consider this node dead then. */
  const reportHeld = (): void => {
    if (!isConnected()) return;
    const held = new Map<string, number[]>();
    for (const reply of served.keys()) {
      const at = reply.lastIndexOf('.');
      const ids = held.get(reply.slice(0, at)) ?? [];
      ids.push(Number(reply.slice(at + 1)));
      held.set(reply.slice(0, at), ids);
    }
    const publishAll = (): void => {
      for (const [inbox, ids] of held) for (const data of encodeIds(ids, maxPiece(context))) connection.publish(`${inbox}.${ALIVE}`, data);
    };
    // The connection may be draining.
    callSafely(publishAll, (error) => report(failed(error)));
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
  const receive = ({ data, reply = '' }: NatsMessage): void => {
    // A later frame of a request that has ended starts no other.
    const request = served.get(reply) ?? (isFirstFrame(data) ? start(reply) : undefined);
    request?.(data);
  };

  return (handler) => {
    handlers.add(handler);
    subscription ??= listen(`${name}.node.${node}.requests`, receive);
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
  const frames = createFrames(context, reply);
  const received$ = new Subject<Uint8Array>();
  const running = new Subscription();

  const body$ = defer(() => {
    frames.write(FrameKind.CONTINUE);
    return received$;
  });
  const respond = ({ status, headers, body = new Uint8Array() }: ForwardedResponse): void => {
    frames.write(FrameKind.RESPONSE, encodeHead({ status, headers, size: body.length }));
    frames.writePieces(FrameKind.RESPONSE_BODY, body);
  };
  const reportFailure = (cause: unknown): Observable<never> => {
    if (isConnected()) report(failed(cause));
    return EMPTY;
  };
  const run = (head: Uint8Array): void => {
    const response$ = defer(() => handle({ ...(decodeHead(head) as RequestHead), body$ }));
    const handled$ = merge(response$, lost$).pipe(take(1), tap(respond), catchError(reportFailure), finalize(onEnd));
    running.add(handled$.subscribe());
  };
  return (data) => {
    const frame = frames.read(data);
    if (!frame) received$.error(new ConnectionLostError(CloseCode.ABNORMAL, 'a part of the request is missing'));
    else if (frame.kind === FrameKind.REQUEST) run(frame.payload);
    else if (frame.kind === FrameKind.BODY) received$.next(frame.payload);
    else if (frame.kind === FrameKind.BODY_END) received$.complete();
    else if (frame.kind === FrameKind.ABORT) running.unsubscribe();
  };
}
