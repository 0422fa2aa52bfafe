import { nanoid } from 'nanoid';
import { concat, defer, EMPTY, filter, map, mergeMap, ReplaySubject, take, tap, type Observable } from 'rxjs';
import type { HttpRequest, SendRequest } from './requestSender.js';
import { HttpHeader, LINK_LENGTH, RECORDS_TYPE } from './httpHeaders.js';
import type { FetchResponse } from './httpLinkOptions.js';
import type { ReadResponse } from './readResponse.js';
import type { Ending, Item } from './recordFormat.js';

/** The format of received frames. */
export interface DownstreamFormat {
  /** The `accept` header. */
  readonly accept: string;
  readonly read: ReadResponse;
  /** Returns what follows the response to the first request. @param ask Requests more, once. */
  readonly more: (ask: Observable<Item>) => Observable<Item>;
}

/** The numbered requests of one link, under its id. */
export interface HttpSession {
  /** Opens the link with the first frames, and emits all that it receives until its end. */
  readonly receive: (first: () => Uint8Array) => Observable<Item>;
  /** Sends a body after the opening. Completes when the server has received it. */
  readonly post: (body: () => Uint8Array) => Observable<never>;
  /**
   * Sends the end of the link to the server, if the link was opened. Completes when the server has
   * received it.
   */
  readonly close: (ending: Ending) => Observable<never>;
  /** Aborts the pending requests. */
  readonly abort: () => void;
}

/** The additional timeout of a request that the server holds, in ms. */
const POLL_EXTRA_TIMEOUT = 50_000;

export function createHttpSession(sendRequest: SendRequest, { accept, read, more }: DownstreamFormat): HttpSession {
  /** The fields of all requests. */
  const link: Record<string, string> = { [HttpHeader.LINK]: nanoid(LINK_LENGTH) };
  const running = new Set<AbortController>();
  const opened$ = new ReplaySubject<void>(1);
  let posts = 0;
  let polls = 0;

  /** Each request has its own signal: `fetch` leaks listeners on a shared one. */
  const request = <T>(request: Omit<HttpRequest, 'signal'>, onAnswer: (response: FetchResponse) => Observable<T>): Observable<T> =>
    defer(() => {
      const controller = new AbortController();
      running.add(controller);
      // A request that failed or was unsubscribed must still be aborted.
      return sendRequest({ ...request, signal: controller.signal }, onAnswer).pipe(tap({ complete: () => running.delete(controller) }));
    });
  const postRecords = <T>(body: Uint8Array, acceptType: string, onAnswer: ReadResponse | (() => Observable<T>)): Observable<T> => {
    const headers = { ...link, [HttpHeader.NUMBER]: String(++posts), accept: acceptType, 'content-type': RECORDS_TYPE };
    return request({ method: 'POST', headers, body }, onAnswer as () => Observable<T>);
  };
  const more$ = defer(() => {
    const headers = { ...link, [HttpHeader.NUMBER]: String(++polls), accept };
    return request({ method: 'GET', headers, extraTimeout: POLL_EXTRA_TIMEOUT }, read);
  });
  return {
    receive: (first) =>
      concat(
        defer(() =>
          postRecords<Item>(first(), accept, (response) => {
            const node = response.headers.get(HttpHeader.NODE);
            if (node) link[HttpHeader.NODE] = node;
            opened$.next();
            return read(response);
          }),
        ),
        more(more$),
      ),
    post: (body) =>
      opened$.pipe(
        take(1),
        // The first frames went with the opening request, so the body may be empty.
        map(body),
        filter(({ length }) => length > 0),
        mergeMap((what) => postRecords<never>(what, '*/*', () => EMPTY)),
      ),
    close: ({ code, reason }) =>
      defer(() => {
        if (posts === 0) return EMPTY;
        const headers = { ...link, [HttpHeader.CODE]: String(code), [HttpHeader.REASON]: percentEncode(reason) };
        return sendRequest({ method: 'DELETE', headers, signal: new AbortController().signal }, () => EMPTY);
      }),
    abort: () => running.forEach((controller) => controller.abort()),
  };
}

/** Encodes a text for a header, truncated to the size of a WebSocket close reason. */
function percentEncode(text: string): string {
  const buffer = new Uint8Array(123);
  // Whole characters only: a truncated one could not be decoded.
  const { written } = new TextEncoder().encodeInto(text, buffer);
  return Array.from(buffer.subarray(0, written), (byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}
