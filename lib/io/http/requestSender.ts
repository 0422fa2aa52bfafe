import { catchError, defer, finalize, from, mergeMap, of, Subscription, tap, throwError, timeout, type Observable } from 'rxjs';
import { ConnectionLostError, RxwireError, UnsupportedError } from '../../message/errors.js';
import { MAX_DELAY } from '../../operators/timing/coalescedTimer.js';
import {
  ABNORMAL,
  BAD_FRAMES,
  BAD_GATEWAY,
  FORBIDDEN,
  INTERNAL_ERROR,
  MESSAGE_TOO_BIG,
  TRY_AGAIN_LATER,
  UNAUTHORIZED,
  UNSUPPORTED_DATA,
} from '../../message/closeCode.js';
import { invalidField, type FetchLike, type FetchResponse, type FullHttpLinkOptions, type HeaderFields } from './httpLinkOptions.js';

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

/** A larger request may not outlive the page: it would leave too little for the others. */
const MAX_KEEPALIVE = 16 * 1024;
/** A browser fails a request above this size of all running requests that may outlive the page. */
const MAX_RUNNING = 64 * 1024;
/** The present size of these requests, those of all links. */
let running = 0;

export function createRequestSender(options: FullHttpLinkOptions): SendRequest {
  const { endpoint, credentials, openTimeout, headers, scheduler, fetch = platformFetch } = options;

  const fetchResponse = (
    { method, headers: own, body, signal, extraTimeout = 0 }: HttpRequest,
    userHeaders: HeaderFields,
    done: Subscription,
  ): Observable<FetchResponse> =>
    defer(() => {
      const size = body?.length ?? 0;
      // The last frames of a page reach the server although the page goes away.
      const keepalive = method !== 'GET' && size <= MAX_KEEPALIVE && running + size <= MAX_RUNNING;
      if (keepalive) {
        running += size;
        done.add(() => (running -= size));
      }
      return fetch(endpoint, {
        method,
        credentials,
        signal,
        headers: { ...userHeaders, ...own },
        redirect: 'error',
        keepalive,
        ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      });
    }).pipe(
      catchError((cause: unknown) => throwError(() => (cause instanceof RxwireError ? cause : requestError(cause)))),
      timeout({
        first: Math.min(openTimeout + extraTimeout, MAX_DELAY),
        scheduler,
        with: () => throwError(() => new ConnectionLostError(ABNORMAL, 'the server did not answer in time')),
      }),
    );
  return (call, read) =>
    defer(() => {
      const done = new Subscription();
      const fields = typeof headers === 'function' ? Promise.resolve(headers()) : of(headers);
      return from(fields).pipe(
        tap(assertFields),
        mergeMap((userHeaders) => fetchResponse(call, userHeaders, done)),
        mergeMap((response) => (isOk(response) ? read(response) : throwError(() => statusError(response)))),
        finalize(() => done.unsubscribe()),
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

function statusError({ status }: FetchResponse): ConnectionLostError {
  return new ConnectionLostError(closeCodeOf(status), `the server answers ${status}`);
}

function closeCodeOf(status: number): number {
  const codes: Readonly<Record<number, number>> = {
    400: BAD_FRAMES,
    401: UNAUTHORIZED,
    403: FORBIDDEN,
    405: UNSUPPORTED_DATA,
    406: UNSUPPORTED_DATA,
    413: MESSAGE_TOO_BIG,
    429: TRY_AGAIN_LATER,
    500: INTERNAL_ERROR,
    502: BAD_GATEWAY,
    503: TRY_AGAIN_LATER,
    504: BAD_GATEWAY,
  };
  return codes[status] ?? ABNORMAL;
}

export function requestError(cause: unknown): ConnectionLostError {
  const { message, code } = Object((cause as { readonly cause?: unknown } | undefined)?.cause ?? cause) as {
    readonly message?: string;
    readonly code?: string;
  };
  return new ConnectionLostError(ABNORMAL, message || code || '', false, cause);
}
