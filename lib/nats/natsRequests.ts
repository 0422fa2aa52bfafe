import { nanoid } from 'nanoid';
import {
  catchError,
  defer,
  filter,
  finalize,
  interval,
  map,
  merge,
  retry,
  Subject,
  Subscription,
  take,
  tap,
  throwError,
  timer,
  type Observable,
} from 'rxjs';
import { concatBytes } from '../internal/concatBytes.js';
import type { ClusterRequests, ForwardedRequest, ForwardedResponse } from '../link/http/clusterRequests.js';
import {
  ALIVE,
  ALIVE_INTERVAL,
  createFrameReader,
  createFrameWriter,
  decodeHead,
  decodeIds,
  encodeHead,
  FrameKind,
  requestsSubject,
  type Frame,
  type ResponseHead,
} from './forwardFrame.js';
import { failed, type NatsMessage, type NodeContext } from './natsContext.js';
import { createNatsRequestServer } from './natsRequestServer.js';

/**
 * How long the other node may be silent, in ms. It reports each request that it has not yet
 * answered every {@link ALIVE_INTERVAL}.
 */
const MAX_SILENCE = 2_500;

/**
 * How often a request is sent again that no node has received, and the delay, in ms: NATS needs a
 * moment to learn of a new subscription.
 */
const RETRY = { count: 2, delay: 50 } as const;

/** One request that waits for its response. */
interface PendingRequest {
  /** When the other node has last reported it. */
  heardAt: number;
  readonly messages$: Subject<NatsMessage>;
}

class NoRespondersError extends Error {
  constructor() {
    super('no such node receives requests');
  }
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
  return { send: createNatsRequestSender(context), serve: createNatsRequestServer(context) };
}

/**
 * Creates the function that sends requests to other nodes. It receives the responses for as long as
 * the connection is open.
 */
function createNatsRequestSender(context: NodeContext): ClusterRequests['send'] {
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
  const add = (id: number, request: PendingRequest): void => {
    if (pending.size === 0) checks = interval(ALIVE_INTERVAL / 2, scheduler).subscribe(checkSilence);
    pending.set(id, request);
  };
  const remove = (id: number): void => {
    pending.delete(id);
    if (pending.size === 0) checks.unsubscribe();
  };

  const sendOnce = (target: string, { body$, ...head }: ForwardedRequest): Observable<ForwardedResponse> =>
    defer(() => {
      if (!isConnected()) throw new Error('the connection to NATS is lost');
      const id = (ids = (ids + 1) >>> 0);
      const messages$ = new Subject<NatsMessage>();
      const writer = createFrameWriter(context, requestsSubject(name, target), `${inbox}.${id}`);
      const read = createResponseReader();
      const body = new Subscription();
      let isOver = false;
      const sendBody = (): void => {
        const next = (chunk: Uint8Array): void => writer.writePieces(FrameKind.BODY, chunk);
        const sent$ = body$.pipe(tap({ next, complete: () => writer.write(FrameKind.BODY_END) }));
        body.add(sent$.subscribe({ error: (error: unknown) => messages$.error(error) }));
      };
      const response$ = messages$.pipe(
        map((message) => read(message, sendBody)),
        filter((response) => response !== undefined),
        tap({
          next: () => (isOver = true),
          error: (error: unknown) => (isOver ||= error instanceof NoRespondersError),
        }),
      );
      const end = (): void => {
        remove(id);
        body.unsubscribe();
        if (!isOver && isConnected()) writer.write(FrameKind.ABORT);
      };
      writer.write(FrameKind.REQUEST, encodeHead(head));
      add(id, { heardAt: scheduler.now(), messages$ });
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
 * @throws {Error} If it will never be.
 */
function createResponseReader() {
  const read = createFrameReader();
  const body: Uint8Array[] = [];
  let head: ResponseHead | undefined;
  let size = 0;
  let hasBegun = false;

  const add = ({ kind, payload }: Frame): void => {
    if (kind === FrameKind.RESPONSE) head = decodeHead(payload) as ResponseHead;
    if (kind !== FrameKind.RESPONSE_BODY) return;
    body.push(payload);
    size += payload.length;
  };
  return ({ data, headers }: NatsMessage, onContinue: () => void): ForwardedResponse | undefined => {
    if (data.length === 0 && headers?.code === 503) throw hasBegun ? new Error('the node has gone') : new NoRespondersError();
    hasBegun = true;
    const frame = read(data);
    if (!frame) throw new Error('a part of the response is missing');
    if (frame.kind === FrameKind.CONTINUE) onContinue();
    add(frame);
    if (!head || size < head.size) return undefined;
    return { status: head.status, headers: head.headers, ...(size > 0 && { body: concatBytes(body) }) };
  };
}
