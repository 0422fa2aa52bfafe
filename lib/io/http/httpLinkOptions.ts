import type { ReadableStreamLike, SchedulerLike } from 'rxjs';
import { anything, positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { StallOptions } from '../stallCheck.js';

/** The part of a `fetch` response that a link uses. */
export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStreamLike<Uint8Array> | null;
}

/** The arguments of `fetch`. */
export interface FetchRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
  readonly redirect: 'error';
  readonly credentials: 'include' | 'omit' | 'same-origin';
  /** Whether the request may outlive the page. */
  readonly keepalive: boolean;
}

/** A replacement for `fetch`. */
export type FetchLike = (url: string, request: FetchRequest) => Promise<FetchResponse>;

/** Header fields by name. */
export type HeaderFields = Readonly<Record<string, string>>;

export interface HttpLinkOptions extends StallOptions {
  /**
   * The headers of each request, such as credentials; or a function that returns them for each
   * request.
   */
  readonly headers?: HeaderFields | (() => HeaderFields | Promise<HeaderFields>);
  /** Whether browsers send cookies; to other origins only with `include`. @default 'same-origin' */
  readonly credentials?: 'include' | 'omit' | 'same-origin';
  /** The function to use. @default the global `fetch` */
  readonly fetch?: FetchLike;
  /**
   * The maximum size of a received frame in bytes; a larger one closes the link with 1009.
   * @default
   * 1 MiB
   */
  readonly maxFrame?: number;
  /**
   * The time for the server to respond, in ms; a held poll has 50 s more.
   * @default 10_000
   */
  readonly openTimeout?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/** The rules and defaults of the options above. */
const HTTP_LINK_OPTIONS = {
  headers: [anything, {}],
  credentials: [anything, 'same-origin'],
  fetch: [anything],
  maxFrame: [positive, 1024 * 1024],
  openTimeout: [positive, 10_000],
  maxBuffered: [positive],
  stallTimeout: [positive],
  scheduler: [anything],
} as const satisfies OptionTable<HttpLinkOptions>;

/** The options of a link, with their defaults and the address for its requests. */
export type FullHttpLinkOptions = ReturnType<typeof readHttpLinkOptions>;

/**
 * Returns the options of a link, with their defaults and the address for its requests.
 *
 * @throws {TypeError} If `url` is not an HTTP address, or a header is invalid.
 * @throws {RangeError} If a number is out of range.
 */
export function readHttpLinkOptions(owner: string, url: string | URL, options: HttpLinkOptions) {
  const read = readOptions(owner, options, HTTP_LINK_OPTIONS);
  const { headers, scheduler = steadyScheduler() } = read;
  const endpoint = String(url).replace(/^ws(?=s?:)/i, 'http');
  if (!/^https?:\/\/[^@/?#]+([/?#]|$)/i.test(endpoint))
    throw new TypeError(`${owner}: "url" must start with https:// or wss://, got ${String(url)}`);
  const bad = typeof headers === 'object' && invalidField(headers);
  if (bad) throw new TypeError(`${owner}: "headers" contains an invalid field: ${bad}`);
  return { ...read, endpoint, scheduler };
}

/** Returns the name of an invalid header field: RFC 9110, section 5. */
export function invalidField(fields: HeaderFields): string | undefined {
  const isBad = ([name, value]: readonly [string, string]): boolean =>
    !/^[!#$%&'*+.^_`|~\w-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value);
  return Object.entries(fields).find(isBad)?.[0];
}

/** The additional timeout of a request that the server holds, in ms. */
export const POLL_EXTRA_TIMEOUT = 50_000;
