import { catchError, ignoreElements, map, mergeMap, tap, throwError, type Observable, type SchedulerLike } from 'rxjs';
import { ProtocolError } from '../../errors.js';
import { bodyLimit } from '../../link/http/bodyLimit.js';
import { decodeRecords, isEnding, type Item } from '../../link/http/recordFormat.js';
import type { Frame } from '../../link/link.js';
import { readBody } from './readBody.js';
import type { ServedHttpLink, OpenedHttpLink } from './servedHttpLink.js';
import { endingOfRequest, linkIdOf, requestNumberOf } from './requestFields.js';
import type { Exchange } from './exchange.js';
import { closeCodeOf, StatusError } from './statusError.js';
import { respond } from './respond.js';
import type { HttpLinkRegistry } from './httpLinkRegistry.js';

export interface RequestLimits {
  readonly maxFrame: number;
  /** The maximum duration of the opening request, in ms. */
  readonly helloTimeout: number;
  readonly scheduler: SchedulerLike;
}

/** Opens the link of the first request. */
export type OpenLink = (name: string, frames: readonly Frame[]) => Observable<OpenedHttpLink>;

/**
 * Handles a request. Emits a link if the request has opened one.
 *
 * @throws {StatusError | ProtocolError | FrameTooLargeError} Synchronously, or delivered.
 */
export function handleRequest(
  exchange: Exchange,
  registry: HttpLinkRegistry,
  limits: RequestLimits,
  open: OpenLink,
): Observable<OpenedHttpLink> {
  const { method } = exchange.request;
  if (method === 'POST') return post(exchange, registry, limits, open);
  if (method === 'GET') return poll(exchange, registry);
  if (method === 'DELETE') return leave(exchange, registry);
  throw new StatusError(405, { allow: 'GET, POST, DELETE' });
}

function post(
  exchange: Exchange,
  { authorized, find, throttle }: HttpLinkRegistry,
  { maxFrame, helloTimeout, scheduler }: RequestLimits,
  open: OpenLink,
): Observable<OpenedHttpLink> {
  const { request } = exchange;
  const name = linkIdOf(request);
  const number = requestNumberOf(request);
  const refusal = number === 1 ? throttle(request) : undefined;
  // The body is not read: the connection cannot be used again.
  if (refusal) throw new StatusError(refusal.status, { ...refusal.headers, connection: 'close' });
  const limits = { limit: bodyLimit(maxFrame), timeLimit: number === 1 ? helloTimeout : BODY_TIMEOUT, scheduler };
  const frames$ = readBody(exchange, limits).pipe(map((body) => decodeRecords(body, maxFrame).map(asFrame)));
  if (number === 1) return frames$.pipe(mergeMap((frames) => open(name, frames)));
  const push = (entry: ServedHttpLink): Observable<unknown> =>
    entry.readLimited(frames$).pipe(
      // The link may have ended meanwhile.
      tap((frames) => find(request).push(exchange, number, frames)),
      catchError((error: unknown) => fail(entry, error)),
    );
  return authorized(request).pipe(mergeMap(push), ignoreElements());
}

/** The maximum duration of any other body, in ms. */
const BODY_TIMEOUT = 30_000;

/** A link with a malformed request is closed. */
function fail({ onClientClosed }: ServedHttpLink, error: unknown): Observable<never> {
  if (!(error instanceof StatusError)) onClientClosed({ code: closeCodeOf(error), reason: '' });
  return throwError(() => error);
}

function asFrame(item: Item): Frame {
  if (isEnding(item)) throw new ProtocolError('unexpected end of the link in a request');
  return item;
}

function poll(exchange: Exchange, { authorized }: HttpLinkRegistry): Observable<never> {
  const number = requestNumberOf(exchange.request);
  return authorized(exchange.request).pipe(
    tap((entry) => entry.poll(exchange, number)),
    ignoreElements(),
  );
}

function leave({ request, response }: Exchange, { authorized }: HttpLinkRegistry): Observable<never> {
  const ending = endingOfRequest(request);
  const end = ({ onClientClosed, close }: ServedHttpLink): void => {
    onClientClosed(ending);
    close();
    respond(response, 204);
  };
  return authorized(request).pipe(tap(end), ignoreElements());
}
