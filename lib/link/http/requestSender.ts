import { asyncScheduler, catchError, defer, from, mergeMap, of, tap, throwError, timeout, type Observable } from 'rxjs';
import { ConnectionLostError, RxwireError, UnsupportedError } from '../../errors.js';
import { MAX_DELAY } from '../../internal/coalescedTimer.js';
import { ABNORMAL } from '../closeCode.js';
import { statusError, requestError } from './fetchErrors.js';
import { HTTP_LINK_DEFAULTS, type FetchLike, type FetchResponse, type HeaderFields, type HttpLinkOptions } from './httpLinkOptions.js';

/** One request. */
export interface HttpRequest {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: HeaderFields;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
  /** The time for the response to start, in ms, in addition to the usual timeout. @default 0 */
  readonly extraTimeout?: number;
}

/** Sends a request. `read` receives the response when it has started. */
export type SendRequest = <T>(call: HttpRequest, read: (response: FetchResponse) => Observable<T>) => Observable<T>;

export function createRequestSender(address: string, options: HttpLinkOptions): SendRequest {
  const { credentials = HTTP_LINK_DEFAULTS.credentials, openTimeout = HTTP_LINK_DEFAULTS.openTimeout } = options;
  const { headers = {}, scheduler = asyncScheduler, fetch = platformFetch } = options;

  const fetchResponse = (
    { method, headers: own, body, signal, extraTimeout = 0 }: HttpRequest,
    userHeaders: HeaderFields,
  ): Observable<FetchResponse> =>
    defer(() =>
      fetch(address, {
        method,
        credentials,
        signal,
        headers: { ...userHeaders, ...own },
        cache: 'no-store',
        redirect: 'error',
        keepalive: method === 'DELETE',
        ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      }),
    ).pipe(
      catchError((cause: unknown) => throwError(() => (cause instanceof RxwireError ? cause : requestError(cause)))),
      timeout({
        first: Math.min(openTimeout + extraTimeout, MAX_DELAY),
        scheduler,
        with: () => throwError(() => new ConnectionLostError(ABNORMAL, 'the server did not answer in time')),
      }),
    );
  return (call, read) =>
    defer(() => {
      const fields = typeof headers === 'function' ? Promise.resolve(headers()) : of(headers);
      return from(fields).pipe(
        tap(assertFields),
        mergeMap((userHeaders) => fetchResponse(call, userHeaders)),
        mergeMap((response) => (isOk(response) ? read(response) : throwError(() => statusError(response)))),
      );
    });
}

/** Returns the name of an invalid header field: RFC 9110, section 5. */
export function invalidField(fields: HeaderFields): string | undefined {
  const isBad = ([name, value]: readonly [string, string]): boolean =>
    !/^[!#$%&'*+.^_`|~\w-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value);
  return Object.entries(fields).find(isBad)?.[0];
}

function assertFields(fields: HeaderFields): void {
  const bad = invalidField(fields);
  if (bad !== undefined) throw new UnsupportedError(`the header field ${bad} is invalid`);
}

function isOk({ status }: FetchResponse): boolean {
  return status >= 200 && status < 300;
}

const platformFetch: FetchLike = (url, request) => {
  const { fetch } = globalThis as unknown as { readonly fetch?: FetchLike };
  if (!fetch) throw new UnsupportedError('this runtime has no fetch');
  return fetch(url, request);
};
