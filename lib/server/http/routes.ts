import { catchError, ignoreElements, map, mergeMap, tap, throwError, type Observable, type SchedulerLike } from 'rxjs';
import { ProtocolError } from '../../errors.js';
import { bodyLimit } from '../../link/http/headers.js';
import { fromRecords, isEnding, type Item } from '../../link/http/records.js';
import type { Frame } from '../../link/link.js';
import { readBody } from './body.js';
import type { Entry, Opened } from './entry.js';
import { endingOf, linkOf, numberOf } from './fields.js';
import type { Exchange } from './intercept.js';
import { codeOf, StatusError } from './refusal.js';
import { respond } from './respond.js';
import type { Table } from './table.js';

export interface RouteLimits {
  readonly maxFrame: number;
  /** How long what opens a link may take, in ms. */
  readonly helloTimeout: number;
  readonly scheduler: SchedulerLike;
}

/**
 * Does what a request asks for. Emits a link when that has opened one.
 *
 * @throws {StatusError | ProtocolError | FrameTooLargeError} At once, or delivered.
 */
export function route(exchange: Exchange, table: Table, limits: RouteLimits): Observable<Opened> {
  const { method } = exchange.request;
  if (method === 'POST') return post(exchange, table, limits);
  if (method === 'GET') return poll(exchange, table);
  if (method === 'DELETE') return leave(exchange, table);
  throw new StatusError(405, { allow: 'GET, POST, DELETE' });
}

function post(exchange: Exchange, { open, owned, find }: Table, { maxFrame, helloTimeout, scheduler }: RouteLimits): Observable<Opened> {
  const { request } = exchange;
  const name = linkOf(request);
  const number = numberOf(request);
  const limits = { limit: bodyLimit(maxFrame), timeLimit: number === 1 ? helloTimeout : BODY_TIMEOUT, scheduler };
  const frames$ = readBody(request, limits).pipe(map((body) => fromRecords(body, maxFrame).map(asFrame)));
  if (number === 1) return frames$.pipe(mergeMap((frames) => open(exchange, name, frames)));
  const push = (entry: Entry): Observable<unknown> =>
    entry.reading(frames$).pipe(
      // It may have ended meanwhile.
      tap((frames) => find(request).push(exchange, number, frames)),
      catchError((error: unknown) => fail(entry, error)),
    );
  return owned(request).pipe(mergeMap(push), ignoreElements());
}

/** How long a body may take that does not open a link, in ms. */
const BODY_TIMEOUT = 30_000;

/** A link that was asked for what makes no sense is of no use any more. */
function fail({ lose }: Entry, error: unknown): Observable<never> {
  if (!(error instanceof StatusError)) lose({ code: codeOf(error), reason: '' });
  return throwError(() => error);
}

function asFrame(item: Item): Frame {
  if (isEnding(item)) throw new ProtocolError('an ending among the frames of a client');
  return item;
}

function poll(exchange: Exchange, { owned }: Table): Observable<never> {
  const number = numberOf(exchange.request);
  return owned(exchange.request).pipe(
    tap((entry) => entry.poll(exchange, number)),
    ignoreElements(),
  );
}

function leave({ request, response }: Exchange, { owned }: Table): Observable<never> {
  const ending = endingOf(request);
  const end = ({ lose, close }: Entry): void => {
    lose(ending);
    close();
    respond(response, 204);
  };
  return owned(request).pipe(tap(end), ignoreElements());
}
