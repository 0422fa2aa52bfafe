import { nanoid } from 'nanoid';
import {
  asapScheduler,
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  endWith,
  exhaustMap,
  finalize,
  ignoreElements,
  merge,
  mergeMap,
  noop,
  of,
  repeat,
  ReplaySubject,
  Subject,
  subscribeOn,
  take,
  takeUntil,
  tap,
  throwError,
  timer,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { ConnectionLostError } from '../../message/errors.js';
import { ABANDONED, NORMAL } from '../../message/closeCode.js';
import type { Frame, Link } from '../link.js';
import { createStallCheck } from '../stallCheck.js';
import { HttpHeader, LINK_LENGTH, RECORDS_TYPE } from './httpHeaders.js';
import { POLL_EXTRA_TIMEOUT, type FetchResponse, type FullHttpLinkOptions } from './httpLinkOptions.js';
import { createRequestSender, type HttpRequest, type SendRequest } from './requestSender.js';
import type { ReadResponse } from './readResponse.js';
import { createRecordQueue, type Ending, isEnding, type Item } from './recordFormat.js';

/** When the reason of the end is sent again, in ms, if the server has not answered. */
const LEAVE_TIMEOUT = 1_000;

export interface DownstreamFormat {
  /** The `accept` header. */
  readonly accept: string;
  readonly read: ReadResponse;
  /** Returns what follows the response to the first request. @param ask Requests more, once. */
  readonly more: (ask: Observable<Item>) => Observable<Item>;
}

/**
 * A link over requests. It subscribes to `outgoing` at once: the first frames are sent with the
 * request that opens the connection. Further frames are sent in one request at a time, and received
 * in the given format. A failed request ends the link.
 */
export function httpLink(format: DownstreamFormat, options: FullHttpLinkOptions): Link<Frame> {
  const send = createRequestSender(options);
  return (outgoing) => defer(() => new HttpConnection(send, format, options).run(outgoing));
}

/** One connection: its requests are numbered, and have the id of the link. */
class HttpConnection {
  readonly #send: SendRequest;
  readonly #format: DownstreamFormat;
  readonly #scheduler: SchedulerLike;
  readonly #link: Record<string, string> = { [HttpHeader.LINK]: nanoid(LINK_LENGTH) };
  readonly #running = new Set<AbortController>();
  readonly #opened$ = new ReplaySubject<void>(1);
  readonly #ended$ = new Subject<void>();
  /** The frames for the next request. */
  readonly #queue = createRecordQueue();
  readonly #wake$ = new Subject<void>();
  readonly #checkStall: () => void;
  #posts = 0;
  #polls = 0;
  /** Whether `outgoing` has completed. */
  #isDone = false;
  /** The end that the server is still to receive. */
  #ending: Ending | undefined = { code: ABANDONED, reason: '' };

  constructor(send: SendRequest, format: DownstreamFormat, options: FullHttpLinkOptions) {
    this.#send = send;
    this.#format = format;
    this.#scheduler = options.scheduler;
    this.#checkStall = createStallCheck(options, options.scheduler, () => this.#queue.bytes);
  }

  run(outgoing: Observable<Frame>): Observable<Frame> {
    const onOutgoingFailed = (error: unknown): Observable<never> => {
      if (error instanceof ConnectionLostError) this.#ending = { code: error.closeCode, reason: error.reason };
      return throwError(() => error);
    };
    // The server is unreachable, or has sent the reason itself.
    const onRequestFailed = (error: unknown): Observable<never> => {
      this.#ending = undefined;
      return throwError(() => error);
    };
    const received$ = this.#receive().pipe(
      concatMap((item) => this.#read(item)),
      subscribeOn(asapScheduler),
      catchError(onRequestFailed),
    );
    // One request at a time, with all frames that wait.
    const sent$ = this.#wake$.pipe(
      exhaustMap(() => concat(this.#postAll(), this.#closeIfDone())),
      catchError(onRequestFailed),
    );
    const outgoing$ = outgoing.pipe(
      tap({ next: (frame) => this.#push(frame), complete: () => this.#complete() }),
      catchError(onOutgoingFailed),
      ignoreElements(),
    );
    return merge(received$, sent$, outgoing$).pipe(
      takeUntil(this.#ended$),
      finalize(() => this.#leave()),
    );
  }

  #push(frame: Frame): void {
    this.#checkStall();
    this.#queue.push(frame);
    this.#wake$.next();
  }
  #complete(): void {
    this.#isDone = true;
    this.#wake$.next();
  }
  #read(item: Item): readonly Frame[] {
    if (!isEnding(item)) return [item];
    if (item.code !== NORMAL) throw new ConnectionLostError(item.code, item.reason, true);
    this.#end();
    return [];
  }
  #end(): void {
    this.#ending = undefined;
    this.#ended$.next();
  }
  #leave(): void {
    const abort = (): void => this.#running.forEach((controller) => controller.abort());
    // Sends the reason before aborting: a server that sees a broken connection would not wait for
    // it.
    if (!this.#ending) return abort();
    const closed$ = this.#close(this.#ending).pipe(endWith(undefined));
    // Chromium sometimes holds a request back until it has another one.
    const closedLate$ = timer(LEAVE_TIMEOUT, this.#scheduler).pipe(mergeMap(() => closed$));
    merge(closed$, closedLate$).pipe(take(1), finalize(abort)).subscribe({ error: noop });
  }

  /** Opens the link with the first frames, and emits all that it receives until its end. */
  #receive(): Observable<Item> {
    const { accept, read, more } = this.#format;
    const first$ = defer(() =>
      this.#post<Item>(this.#queue.take(), accept, (response) => {
        const node = response.headers.get(HttpHeader.NODE);
        if (node) this.#link[HttpHeader.NODE] = node;
        this.#opened$.next();
        return read(response);
      }),
    );
    const more$ = defer(() => {
      const headers = { ...this.#link, [HttpHeader.NUMBER]: String(++this.#polls), accept };
      return this.#request({ method: 'GET', headers, extraTimeout: POLL_EXTRA_TIMEOUT }, read);
    });
    return concat(first$, more(more$));
  }
  /** Sends all frames that wait, when the link is open. */
  #postAll(): Observable<never> {
    const posted$ = this.#opened$.pipe(
      take(1),
      mergeMap(() => {
        // The first frames went with the opening request, so the body may be empty.
        const body = this.#queue.take();
        return body.length > 0 ? this.#post<never>(body, '*/*', () => EMPTY) : EMPTY;
      }),
    );
    const waits = (): boolean => this.#queue.bytes > 0;
    return defer(() => (waits() ? posted$ : EMPTY)).pipe(repeat({ delay: () => (waits() ? of(true) : EMPTY) }));
  }
  /** Closes the link, if nothing more is to be sent. */
  #closeIfDone(): Observable<never> {
    // A session that is done does not wait for the answer: an abandonment must not overtake the
    // normal end.
    const onClosing = (): void => void (this.#ending = { code: NORMAL, reason: '' });
    return defer(() =>
      this.#isDone ? this.#close({ code: NORMAL, reason: '' }).pipe(tap({ subscribe: onClosing, complete: () => this.#end() })) : EMPTY,
    );
  }
  /** Sends the end of the link to the server, if the link was opened. */
  #close({ code, reason }: Ending): Observable<never> {
    return defer(() => {
      if (this.#posts === 0) return EMPTY;
      const headers = { ...this.#link, [HttpHeader.CODE]: String(code), [HttpHeader.REASON]: percentEncode(reason) };
      return this.#send({ method: 'DELETE', headers, signal: new AbortController().signal }, () => EMPTY);
    });
  }
  #post<T>(body: Uint8Array, accept: string, onAnswer: (response: FetchResponse) => Observable<T>): Observable<T> {
    const headers = { ...this.#link, [HttpHeader.NUMBER]: String(++this.#posts), accept, 'content-type': RECORDS_TYPE };
    return this.#request({ method: 'POST', headers, body }, onAnswer);
  }
  /** Each request has its own signal: `fetch` leaks listeners on a shared one. */
  #request<T>(request: Omit<HttpRequest, 'signal'>, onAnswer: (response: FetchResponse) => Observable<T>): Observable<T> {
    return defer(() => {
      const controller = new AbortController();
      this.#running.add(controller);
      // A request that failed or was unsubscribed must still be aborted.
      return this.#send({ ...request, signal: controller.signal }, onAnswer).pipe(
        tap({ complete: () => this.#running.delete(controller) }),
      );
    });
  }
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
