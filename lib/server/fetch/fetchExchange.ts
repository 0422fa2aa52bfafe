import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { noop, Observable } from 'rxjs';
import { ABNORMAL } from '../../message/closeCode.js';
import { ConnectionLostError } from '../../message/errors.js';
import type { ForwardedRequest } from '../../wire/session/serverCluster.js';
import type { RequestHead, ResponseWriter } from '../http/httpExchange.js';
import type { ReceivedRequest } from '../http/receivedRequest.js';

/** The head of a web-standard request, with the fields of a request of Node. */
export interface FetchHead extends RequestHead {
  /** The whole address. */
  readonly href: string;
}

/** Returns the head of a request. */
export function headOf({ url: href, method, headers: fields }: Request, address: string | undefined): FetchHead {
  const { pathname, search, host } = new URL(href);
  const headers = { host, ...Object.fromEntries(fields) };
  return { href, method, url: pathname + search, headers, socket: { remoteAddress: address } };
}

/**
 * Returns a web-standard request without a body, for a head: Deno does not let the original be read
 * after the response.
 */
export function requestOfHead(head: IncomingMessage): Request {
  const { href = 'http://localhost/', headers } = head as unknown as Partial<FetchHead>;
  return new Request(href, { headers: headersOf(headers ?? {}) });
}

/** Returns a request that another node has forwarded. */
export function forwardedFetch({ method, url, headers, address, body$ }: ForwardedRequest): ReceivedRequest {
  const href = `http://${String(headers['host'] ?? 'localhost')}${url}`;
  const head: FetchHead = { href, method, url, headers, socket: { remoteAddress: address } };
  return { head, body$ };
}

/** Reads the body of a request. Unsubscribing cancels the rest. */
export function bodyOf({ body }: Request): Observable<Uint8Array> {
  return new Observable((to) => {
    if (!body) {
      to.complete();
      return undefined;
    }
    const reader = body.getReader();
    const fail = (cause: unknown): void =>
      to.error(new ConnectionLostError(ABNORMAL, 'the client disconnected before the end of the request', false, cause));
    const read = (): void =>
      void reader.read().then(({ done, value }) => {
        if (to.closed) return;
        if (done) {
          to.complete();
          return;
        }
        to.next(value);
        read();
      }, fail);
    read();
    return () => void reader.cancel().catch(noop);
  });
}

/** Header fields that belong to the connection: the runtime writes them. */
const OF_CONNECTION = ['connection', 'content-length', 'transfer-encoding'];

function headersOf(fields: OutgoingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(fields))
    if (!OF_CONNECTION.includes(name.toLowerCase())) for (const value of [values ?? []].flat()) headers.append(name, String(value));
  return headers;
}

/** Without a reserve, all bytes that are written and not read count as waiting. */
const STRATEGY = { highWaterMark: 0, size: (chunk?: Uint8Array): number => chunk?.length ?? 0 };

/** Writes a web-standard response, as the server writes a response of Node. */
export class FetchResponseWriter implements ResponseWriter {
  /** The response, when its status and headers are known. */
  readonly response: Promise<Response>;
  headersSent = false;
  destroyed = false;
  closed = false;
  writableEnded = false;
  readonly #signal: AbortSignal;
  readonly #headers: OutgoingHttpHeaders = {};
  readonly #listeners = new Set<() => void>();
  readonly #onAbort = (): void => this.#disconnect();
  #init: ResponseInit = {};
  #resolve!: (response: Response) => void;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;

  /** @param signal Aborted when the client disconnects before the response has begun. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.response = new Promise((resolve) => (this.#resolve = resolve));
    signal.addEventListener('abort', this.#onAbort);
  }

  get writableLength(): number {
    return -(this.#stream?.desiredSize ?? 0);
  }

  setHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  writeHead(status: number, headers: OutgoingHttpHeaders): void {
    this.#init = { status, headers: headersOf({ ...this.#headers, ...headers }) };
  }

  /** Begins a response without an end. */
  flushHeaders(): void {
    const body = new ReadableStream<Uint8Array>(
      { start: (stream) => void (this.#stream = stream), pull: () => this.#onRead(), cancel: () => this.#disconnect() },
      STRATEGY,
    );
    this.#begin(body);
  }

  write(text: string): void {
    this.#stream?.enqueue(new TextEncoder().encode(text));
  }

  end(body?: Uint8Array): void {
    if (this.writableEnded || this.destroyed) return;
    if (!this.#stream) this.#begin((body ?? null) as Uint8Array<ArrayBuffer> | null);
    this.writableEnded = true;
    if (this.writableLength === 0) this.#onRead();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.#stream?.error(new ConnectionLostError(ABNORMAL, 'the server has aborted the response'));
    this.#disconnect();
  }

  on(_: 'close', listener: () => void): void {
    this.#listeners.add(listener);
  }

  off(_: 'close', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** The client has read all that was written. */
  #onRead(): void {
    if (!this.writableEnded) return;
    this.#stream?.close();
    queueMicrotask(() => this.#close());
  }

  #begin(body: BodyInit | null): void {
    this.#resolve(new Response(body, this.#init));
    this.headersSent = true;
    // From now on, the stream reports a disconnect. Deno aborts the signal also after a success.
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  #disconnect(): void {
    this.destroyed = true;
    // The client does not receive this response, but the runtime waits for one.
    if (!this.headersSent) this.#begin(null);
    this.#close();
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const listener of [...this.#listeners]) listener();
  }
}
