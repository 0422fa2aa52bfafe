import { catchError, ignoreElements, map, mergeMap, tap, throwError, type Observable } from 'rxjs';
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

/**
 * Does what a request asks for. Emits a link when that has opened one.
 *
 * @throws {StatusError | ProtocolError | FrameTooLargeError} At once, or delivered.
 */
export function route(exchange: Exchange, table: Table, maxFrame: number): Observable<Opened> {
  const { method } = exchange.request;
  if (method === 'POST') return post(exchange, table, maxFrame);
  if (method === 'GET') return poll(exchange, table);
  if (method === 'DELETE') return leave(exchange, table);
  throw new StatusError(405, { allow: 'GET, POST, DELETE' });
}

function post(exchange: Exchange, { open, owned, find }: Table, maxFrame: number): Observable<Opened> {
  const { request } = exchange;
  const name = linkOf(request);
  const number = numberOf(request);
  const frames$ = readBody(request, bodyLimit(maxFrame)).pipe(map((body) => fromRecords(body, maxFrame).map(asFrame)));
  if (number === 1) return frames$.pipe(mergeMap((frames) => open(exchange, name, frames)));
  const push = (entry: Entry): Observable<unknown> =>
    frames$.pipe(
      // It may have ended meanwhile.
      tap((frames) => find(request).push(exchange, number, frames)),
      catchError((error: unknown) => fail(entry, error)),
    );
  return owned(request).pipe(mergeMap(push), ignoreElements());
}

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
