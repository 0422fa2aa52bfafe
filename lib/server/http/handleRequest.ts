import { catchError, ignoreElements, map, mergeMap, type Observable, type SchedulerLike, tap, throwError, timeout, toArray } from 'rxjs';
import { FrameTooLargeError, ProtocolError } from '../../errors.js';
import { bodyLimit, decodeRecords, isEnding, type Item } from '../../link/http/recordFormat.js';
import type { Frame } from '../../link/link.js';
import type { OpenedHttpLink, ServedHttpLink } from './servedHttpLink.js';
import { endingOfRequest, linkIdOf, requestNumberOf } from './requestFields.js';
import { type Exchange, respond } from './exchange.js';
import { closeCodeOf, StatusError } from './statusError.js';
import type { HttpLinkRegistry } from './httpLinkRegistry.js';
import { MAX_DELAY } from '../../internal/coalescedTimer.js';
import { concatBytes } from '../../internal/bytes.js';
import { maxFragments } from '../limits/fragmentLimit.js';

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
  registry: HttpLinkRegistry,
  { maxFrame, helloTimeout, scheduler }: RequestLimits,
  open: OpenLink,
): Observable<OpenedHttpLink> {
  const { request } = exchange;
  const name = linkIdOf(request);
  const number = requestNumberOf(request);
  const refusal = number === 1 ? registry.throttle(request) : undefined;
  // The body is not read: the connection cannot be used again.
  if (refusal) throw new StatusError(refusal.status, { ...refusal.headers, connection: 'close' });
  const limits = { limit: bodyLimit(maxFrame), timeLimit: number === 1 ? helloTimeout : BODY_TIMEOUT, scheduler };
  const frames$ = readBody(exchange, limits).pipe(map((body) => decodeRecords(body, maxFrame).map(asFrame)));
  if (number === 1) return frames$.pipe(mergeMap((frames) => open(name, frames)));
  const push = (entry: ServedHttpLink): Observable<unknown> =>
    entry.readLimited(frames$).pipe(
      // The link may have ended meanwhile.
      tap((frames) => registry.find(request).push(exchange, number, frames)),
      catchError((error: unknown) => fail(entry, error)),
    );
  return registry.authorized(request).pipe(mergeMap(push), ignoreElements());
}

/** The maximum duration of any other body, in ms. */
const BODY_TIMEOUT = 30_000;

/** A link with a malformed request is closed. */
function fail(link: ServedHttpLink, error: unknown): Observable<never> {
  if (!(error instanceof StatusError)) link.onClientClosed({ code: closeCodeOf(error), reason: '' });
  return throwError(() => error);
}

function asFrame(item: Item): Frame {
  if (isEnding(item)) throw new ProtocolError('unexpected end of the link in a request');
  return item;
}

function poll(exchange: Exchange, registry: HttpLinkRegistry): Observable<never> {
  const number = requestNumberOf(exchange.request);
  return registry.authorized(exchange.request).pipe(
    tap((entry) => entry.poll(exchange, number)),
    ignoreElements(),
  );
}

function leave({ request, response }: Exchange, registry: HttpLinkRegistry): Observable<never> {
  const ending = endingOfRequest(request);
  const end = (link: ServedHttpLink): void => {
    link.onClientClosed(ending);
    link.close();
    respond(response, 204);
  };
  return registry.authorized(request).pipe(tap(end), ignoreElements());
}

interface BodyLimits {
  /** The maximum size in bytes. */
  readonly limit: number;
  /** The maximum duration in ms. */
  readonly timeLimit: number;
  readonly scheduler: SchedulerLike;
}

/**
 * Reads the body of a request. Fails as soon as it is too large or takes too long, and if the
 * client disconnects before its end.
 */
function readBody({ request, body$ }: Exchange, { limit, timeLimit, scheduler }: BodyLimits): Observable<Uint8Array> {
  let size = Number(request.headers['content-length'] ?? 0);
  if (size > limit) return throwError(() => new FrameTooLargeError(size, limit));
  size = 0;
  let chunks = 0;
  const count = (chunk: Uint8Array): void => {
    size += chunk.length;
    if (size > limit) throw new FrameTooLargeError(size, limit);
    if (++chunks > maxFragments(limit)) throw new ProtocolError('the body has too many fragments');
  };
  return body$.pipe(
    tap(count),
    toArray(),
    map(concatBytes),
    timeout({
      first: Math.min(timeLimit, MAX_DELAY),
      scheduler,
      with: () => throwError(() => new StatusError(408, { connection: 'close' })),
    }),
  );
}
