import type { ReadableStreamLike, SchedulerLike } from 'rxjs';
import type { StallOptions } from '../stall.js';

/** What a link needs of an answer of `fetch`. */
export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStreamLike<Uint8Array> | null;
}

/** How a link calls `fetch`. */
export interface FetchRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
  readonly cache: 'no-store';
  readonly redirect: 'error';
  readonly credentials: 'include' | 'omit' | 'same-origin';
  /** Whether it may outlive the page. */
  readonly keepalive: boolean;
}

/** A `fetch` of your own. */
export type FetchLike = (url: string, request: FetchRequest) => Promise<FetchResponse>;

/** Headers for a request, by their names. */
export type HeaderFields = Readonly<Record<string, string>>;

export interface HttpLinkOptions extends StallOptions {
  /** Headers of each request, or what gives them anew for each: credentials. */
  readonly headers?: HeaderFields | (() => HeaderFields | Promise<HeaderFields>);
  /** Whether browsers send cookies: to hosts other than the page's only with `include`. @default 'same-origin' */
  readonly credentials?: 'include' | 'omit' | 'same-origin';
  /** The function to use. @default the global one */
  readonly fetch?: FetchLike;
  /** Bytes that a frame may have which comes; a larger one costs the link: 1009. @default 1 MiB */
  readonly maxFrame?: number;
  /** How long the server may take to answer, in ms; a poll that is held has half a minute more. @default 10_000 */
  readonly openTimeout?: number;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}
