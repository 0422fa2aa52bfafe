import { asyncScheduler, catchError, defer, from, mergeMap, of, tap, throwError, timeout, type Observable } from 'rxjs';
import { ConnectionLostError, RxwireError, UnsupportedError } from '../../errors.js';
import { MAX_DELAY } from '../../internal/alarm.js';
import { ABNORMAL } from '../closeCode.js';
import { failureOf, unreachable } from './failure.js';
import type { FetchLike, FetchResponse, HeaderFields, HttpLinkOptions } from './options.js';

/** One request. */
export interface Call {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: HeaderFields;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
  /** How long the answer may take to begin, in ms, beyond what it may always take. @default 0 */
  readonly patience?: number;
}

/** Makes requests; `read` gets the answer when it has begun. */
export type Caller = <T>(call: Call, read: (response: FetchResponse) => Observable<T>) => Observable<T>;

export function createCaller(address: string, options: HttpLinkOptions): Caller {
  const { headers = {}, credentials = 'same-origin', openTimeout = 10_000, scheduler = asyncScheduler, fetch = platformFetch } = options;

  const request = ({ method, headers: own, body, signal, patience = 0 }: Call, theirs: HeaderFields): Observable<FetchResponse> =>
    defer(() =>
      fetch(address, {
        ...{ method, credentials, signal, headers: { ...theirs, ...own } },
        ...{ cache: 'no-store', redirect: 'error', keepalive: method === 'DELETE' },
        ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      }),
    ).pipe(
      catchError((cause: unknown) => throwError(() => (cause instanceof RxwireError ? cause : unreachable(cause)))),
      timeout({
        first: Math.min(openTimeout + patience, MAX_DELAY),
        scheduler,
        with: () => throwError(() => new ConnectionLostError(ABNORMAL, 'no answer in time')),
      }),
    );
  return (call, read) =>
    defer(() => {
      const fields = typeof headers === 'function' ? Promise.resolve(headers()) : of(headers);
      return from(fields).pipe(
        tap(checkFields),
        mergeMap((theirs) => request(call, theirs)),
        mergeMap((response) => (isGood(response) ? read(response) : throwError(() => failureOf(response)))),
      );
    });
}

/** The name of a field that cannot be sent, or would be more than one: RFC 9110, section 5. */
export function badField(fields: HeaderFields): string | undefined {
  const isBad = ([name, value]: readonly [string, string]): boolean =>
    !/^[!#$%&'*+.^_`|~\w-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value);
  return Object.entries(fields).find(isBad)?.[0];
}

function checkFields(fields: HeaderFields): void {
  const bad = badField(fields);
  if (bad !== undefined) throw new UnsupportedError(`a header that cannot be sent: ${bad}`);
}

function isGood({ status }: FetchResponse): boolean {
  return status >= 200 && status < 300;
}

const platformFetch: FetchLike = (url, request) => {
  const { fetch } = globalThis as unknown as { readonly fetch?: FetchLike };
  if (!fetch) throw new UnsupportedError('this runtime has no fetch');
  return fetch(url, request);
};
