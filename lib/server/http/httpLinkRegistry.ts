import { defer, EMPTY, finalize, map, merge, mergeMap, of, takeLast, tap, type Observable } from 'rxjs';
import { ProtocolError } from '../../message/errors.js';
import { createRecentKeys, type RecentKeys } from '../../operators/buffers/recentKeys.js';
import { HttpHeader } from '../../io/http/httpHeaders.js';
import type { Frame } from '../../io/link.js';
import type { Admission } from '../accept/admission.js';
import { closeCodeOf, StatusError, type HttpReply } from './httpStatus.js';
import { endingOfRequest, framesOf, linkIdOf, requestNumberOf, type ReceivedRequest } from './receivedRequest.js';
import { negotiateDownlink, ServedHttpLink, type OpenedHttpLink, type ServedHttpLinkOptions } from './servedHttpLink.js';
import type { RequestHead } from './httpExchange.js';

export interface HttpLinkRegistryOptions extends ServedHttpLinkOptions {
  readonly admission: Admission;
  readonly isAuthenticated: boolean;
  readonly maxFrame: number;
  /** The maximum duration of the opening request, in ms. */
  readonly handshakeTimeout: number;
}

/**
 * How long, in ms, and how many ids the registry remembers: those of opened links, because each may
 * be opened only once; and those of links that the server has ended, because their clients may send
 * requests before they receive the end.
 */
const REMEMBERED = { ttl: 60_000, maxSize: 10_000 } as const;

/** The maximum duration of a body after that of the opening request, in ms. */
const BODY_TIMEOUT = 30_000;

export class HttpLinkRegistry {
  isStopped = false;
  readonly #options: HttpLinkRegistryOptions;
  readonly #node: string | undefined;
  readonly #onOpened: (link: OpenedHttpLink) => void;
  readonly #onClosed: () => void;
  readonly #links = new Map<string, ServedHttpLink>();
  readonly #opened: RecentKeys;
  readonly #ended: RecentKeys;

  /**
   * @param node The name of this node, if other nodes forward requests to it.
   * @param onOpened Called with each link, before its first frame.
   * @param onClosed Called when a link has ended and its client has been informed.
   */
  constructor(options: HttpLinkRegistryOptions, node: string | undefined, onOpened: (link: OpenedHttpLink) => void, onClosed: () => void) {
    const { scheduler } = options;
    this.#options = options;
    this.#node = node;
    this.#onOpened = onOpened;
    this.#onClosed = onClosed;
    this.#opened = createRecentKeys({ ...REMEMBERED, scheduler });
    this.#ended = createRecentKeys({ ...REMEMBERED, scheduler });
  }

  get size(): number {
    return this.#links.size;
  }
  /** Returns whether the link of an id is here, or was, and its client may still send requests. */
  has(name: string): boolean {
    return this.#links.has(name) || this.#ended.has(name);
  }
  readonly closeAll = (): void => [...this.#links.values()].forEach((link) => link.close());

  /**
   * Handles a request, and emits the reply; nothing if the link itself responds. Unsubscribing
   * before that is the disconnect of the client.
   *
   * @throws {StatusError | ProtocolError | FrameTooLargeError} Synchronously, or delivered.
   */
  handle(request: ReceivedRequest): Observable<HttpReply> {
    switch (request.head.method) {
      case 'POST':
        return this.#post(request);
      case 'GET':
        return this.#poll(request.head);
      case 'DELETE':
        return this.#leave(request.head);
      default:
        throw new StatusError(405, { allow: 'GET, POST, DELETE' });
    }
  }

  #post(request: ReceivedRequest): Observable<HttpReply> {
    const { head } = request;
    const { maxFrame, handshakeTimeout, scheduler, admission } = this.#options;
    const name = linkIdOf(head);
    const number = requestNumberOf(head);
    if (number === 1) {
      const refusal = admission.throttle(admission.addressOf(head));
      // The body is not read: the connection cannot be used again.
      if (refusal) throw new StatusError(refusal.status, { ...refusal.headers, connection: 'close' });
      return framesOf(request, maxFrame, handshakeTimeout, scheduler).pipe(mergeMap((frames) => this.#open(request, name, frames)));
    }
    const frames$ = framesOf(request, maxFrame, BODY_TIMEOUT, scheduler);
    const push = (link: ServedHttpLink): Observable<HttpReply> => {
      // A link with a malformed request is closed.
      const fail = (error?: unknown): void => {
        if (!(error instanceof StatusError)) link.onClientClosed({ code: closeCodeOf(error), reason: '' });
      };
      // The frames are pushed after the end of the body: a reply must not count as a disconnect.
      const read$ = frames$.pipe(tap({ unsubscribe: fail }), takeLast(1));
      // The link may have ended meanwhile.
      const pushed = (frames: readonly Frame[]): HttpReply => this.#find(head).push(number, frames);
      return link.readLimited(read$).pipe(map(pushed), tap({ error: fail }));
    };
    return this.#authorized(head).pipe(mergeMap(push));
  }
  #poll(head: RequestHead): Observable<HttpReply> {
    const number = requestNumberOf(head);
    return this.#authorized(head).pipe(mergeMap((link) => link.poll(number)));
  }
  #leave(head: RequestHead): Observable<HttpReply> {
    const ending = endingOfRequest(head);
    const end = (link: ServedHttpLink): void => {
      link.onClientClosed(ending);
      link.close();
    };
    // The reply goes first: the end of the last link of a server that stops ends all requests.
    return this.#authorized(head).pipe(mergeMap((link) => of({ status: 204, headers: {} }).pipe(finalize(() => end(link)))));
  }

  /**
   * Returns the link of a request.
   *
   * @throws {StatusError} If there is none; with 204 if its client learns of the end elsewhere.
   */
  #find(head: RequestHead): ServedHttpLink {
    const name = linkIdOf(head);
    const link = this.#links.get(name);
    // A request and the notice of the end may cross: such a request must not become a lost
    // connection.
    if (!link) throw new StatusError(head.method !== 'GET' && this.#ended.has(name) ? 204 : 404);
    return link;
  }
  #authorized(head: RequestHead): Observable<ServedHttpLink> {
    const checked$ = this.#options.isAuthenticated ? this.#find(head).check(head) : of(undefined);
    return checked$.pipe(map(() => this.#find(head)));
  }

  /** @throws {StatusError} If the link may not be opened. */
  #open({ head, response }: ReceivedRequest, name: string, frames: readonly Frame[]): Observable<HttpReply> {
    const { admission, transports } = this.#options;
    if (!response) throw new ProtocolError('a forwarded request opens a link');
    if (this.isStopped) throw new StatusError(503, { 'retry-after': '1' });
    // May throw, so it runs before the link counts against the limits.
    const createDownlink = negotiateDownlink(head, transports);
    if (this.#opened.seen(name)) throw new StatusError(409);
    const address = admission.addressOf(head);
    const leave = admission.enter(address);
    if (typeof leave !== 'function') throw new StatusError(leave.status, leave.headers);
    const link = new ServedHttpLink(head, createDownlink, { ...this.#options, address, onFlood: admission.charge }, () => {
      if (link.isEnded) this.#ended.seen(name);
      if (!this.#links.delete(name)) return;
      this.#onClosed();
      leave();
    });
    this.#links.set(name, link);
    if (this.#node !== undefined) response.setHeader(HttpHeader.NODE, this.#node);
    const received$ = defer(() => {
      this.#onOpened(link.opened);
      for (const frame of frames) link.receive(frame);
      return EMPTY;
    });
    return merge(link.respondToOpening(response), received$);
  }
}
