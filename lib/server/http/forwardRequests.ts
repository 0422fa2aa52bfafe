import { catchError, defer, takeUntil, tap, throwIfEmpty, type Observable } from 'rxjs';
import type { ClusterRequests } from '../../wire/session/serverCluster.js';
import { HttpHeader } from '../../io/http/httpHeaders.js';
import type { Admission } from '../accept/admission.js';
import { type HttpReply, StatusError } from './httpStatus.js';
import type { HttpLinkRegistry } from './httpLinkRegistry.js';
import { linkIdOf, nodeOf, type ReceivedRequest } from './receivedRequest.js';
import { closeOf, type RequestHead } from './httpExchange.js';

const RETRY = { 'retry-after': '1' };

/**
 * The maximum size of the bodies of all requests that are forwarded at once, and of the responses
 * to them, in bytes.
 */
const MAX_FORWARDED_BYTES = 64 * 1024 * 1024;

/**
 * Creates a function that forwards a request to the node that it names, and emits the reply;
 * `maxConnections` requests at once at most. It returns `undefined` for a request that this node
 * handles itself.
 *
 * The client may name any node. The other node checks the request as one of its own, and reads the
 * body only if the client may use the link.
 */
export function createForwarder(
  node: string,
  requests: ClusterRequests,
  registry: HttpLinkRegistry,
  { admission, maxConnections }: { readonly admission: Admission; readonly maxConnections: number },
) {
  let count = 0;
  let bytes = 0;

  const forward = ({ head, response, body$ }: Required<ReceivedRequest>, target: string): Observable<HttpReply> =>
    defer(() => {
      if (count >= maxConnections || bytes >= MAX_FORWARDED_BYTES) throw tooMuch();
      let size = 0;
      const add = (chunk: Uint8Array): void => {
        size += chunk.length;
        bytes += chunk.length;
        if (bytes > MAX_FORWARDED_BYTES) throw tooMuch();
      };
      count++;
      // A response takes memory until the client has read it.
      response.on('close', () => {
        count--;
        bytes -= size;
      });
      return defer(() => requests.send(target, { ...fieldsOf(head), body$: body$.pipe(tap(add)) })).pipe(
        takeUntil(closeOf(response)),
        throwIfEmpty(),
        catchError((error: unknown): never => {
          throw error instanceof StatusError ? error : new StatusError(404);
        }),
        tap(({ status, headers, body }) => {
          if (status === 404) throw new StatusError(404, headers);
          if (body) add(body);
        }),
      );
    });
  /**
   * A request that finds no link costs the address as much as a new connection: the client may
   * invent nodes and links as fast as it can send.
   */
  const charge = (head: RequestHead, error: unknown): never => {
    const refusal = error instanceof StatusError && error.status === 404 ? admission.throttle(admission.addressOf(head)) : undefined;
    throw refusal ? new StatusError(refusal.status, { ...refusal.headers, connection: 'close' }) : error;
  };

  return (request: Required<ReceivedRequest>): Observable<HttpReply> | undefined => {
    const { head } = request;
    const target = nodeOf(head);
    const name = linkIdOf(head);
    if (target === undefined || target === node || isOpening(head) || registry.has(name)) return undefined;
    return forward(request, target).pipe(catchError((error: unknown) => charge(head, error)));
  };
}

function fieldsOf({ method = '', url = '', headers, socket }: RequestHead) {
  const { remoteAddress: address } = socket;
  return { method, url, headers, ...(address !== undefined && { address }) };
}

/** A link is opened at the node that the request has reached. */
function isOpening({ method, headers }: RequestHead): boolean {
  return method === 'POST' && headers[HttpHeader.NUMBER] === '1';
}

/** The body is not read: the connection cannot be used again. */
function tooMuch(): StatusError {
  return new StatusError(503, { ...RETRY, connection: 'close' });
}
