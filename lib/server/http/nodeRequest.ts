import { IncomingMessage, type OutgoingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { fromEvent, map, merge, noop, type Observable, takeUntil } from 'rxjs';
import { ConnectionLostError } from '../../message/errors.js';
import { CloseCode } from '../../message/closeCode.js';
import type { ForwardedRequest } from '../../wire/session/serverCluster.js';
import { interceptEvents } from '../accept/serverEvents.js';
import { isLinkRequest, type LinkRequests } from './httpLinks.js';
import type { ReceivedRequest } from './receivedRequest.js';

/**
 * Returns the requests to an HTTP server of Node that belong to links. Hides these requests from
 * all other listeners of the server: Express would respond to unknown requests.
 */
export function linkRequests(server: Server, path: string): LinkRequests {
  const isOurs = (head: IncomingMessage): boolean => isLinkRequest(head, path);
  return {
    requests$: interceptEvents<[IncomingMessage, ServerResponse]>(server, 'request', isOurs).pipe(map((request) => requestOf(request))),
    closed$: fromEvent(server, 'close'),
    forwarded: forwardedRequest,
  };
}

function requestOf([head, response]: readonly [IncomingMessage, ServerResponse]): Required<ReceivedRequest> {
  // Without a listener, an error of a disconnected client would end the process.
  response.on('error', noop);
  const broken$ = fromEvent(head, 'close').pipe(map(failOnDisconnect));
  const data$ = fromEvent(head, 'data') as Observable<Buffer>;
  return { head, response, body$: merge(data$, broken$).pipe(takeUntil(fromEvent(head, 'end'))) };
}

/** @throws {ConnectionLostError} Always. */
function failOnDisconnect(): never {
  throw new ConnectionLostError(CloseCode.ABNORMAL, 'the client disconnected before the end of the request');
}

/** Returns a forwarded request, with a head for functions that read one, such as `authenticate`. */
function forwardedRequest({ method, url, headers, address, body$ }: ForwardedRequest): ReceivedRequest {
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: address });
  return { head: Object.assign(new IncomingMessage(socket), { method, url, headers, rawHeaders: rawHeadersOf(headers) }), body$ };
}

function rawHeadersOf(headers: OutgoingHttpHeaders): string[] {
  return Object.entries(headers).flatMap(([name, values]) => [values ?? []].flat().flatMap((value) => [name, String(value)]));
}
