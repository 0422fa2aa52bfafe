import { catchError, defer, from, mergeMap, of, tap, throwError, timeout, type Observable } from 'rxjs';
import { ConnectionLostError, RxwireError, UnsupportedError } from '../../errors.js';
import { MAX_DELAY } from '../../internal/coalescedTimer.js';
import { ABNORMAL } from '../closeCode.js';
import { statusError, requestError } from './fetchErrors.js';
import { invalidField, type FetchLike, type FetchResponse, type FullHttpLinkOptions, type HeaderFields } from './httpLinkOptions.js';

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

export function createRequestSender(options: FullHttpLinkOptions): SendRequest {
  const { endpoint, credentials, openTimeout, headers, scheduler, fetch = platformFetch } = options;

  const fetchResponse = (
    { method, headers: own, body, signal, extraTimeout = 0 }: HttpRequest,
    userHeaders: HeaderFields,
  ): Observable<FetchResponse> =>
    defer(() =>
      fetch(endpoint, {
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
