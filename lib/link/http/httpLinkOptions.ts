import type { ReadableStreamLike, SchedulerLike } from 'rxjs';
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
  readonly cache: 'no-store';
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

/** The default values of the options above. */
export const HTTP_LINK_DEFAULTS = { credentials: 'same-origin', maxFrame: 1024 * 1024, openTimeout: 10_000 } as const;
