import type { IncomingMessage } from 'node:http';
import { concat, defer, EMPTY, map, of, type Observable } from 'rxjs';
import { createRecentKeys, type RecentKeys } from '../../internal/recentKeys.js';
import type { Frame } from '../../link/link.js';
import type { Admission, Refusal } from '../accept/admission.js';
import { negotiateDownlink, ServedHttpLink, type OpenedHttpLink, type ServedHttpLinkOptions } from './servedHttpLink.js';
import { HttpHeader } from '../../link/http/httpHeaders.js';
import { linkIdOf } from './requestFields.js';
import type { ReceivedExchange } from './exchange.js';
import { StatusError } from './statusError.js';

export interface HttpLinkRegistryOptions extends ServedHttpLinkOptions {
  readonly admission: Pick<Admission, 'enter' | 'throttle' | 'addressOf' | 'charge'>;
  /** The name of this node, if other nodes forward requests to it. */
  readonly node: string | undefined;
  /** Whether clients are authenticated. */
  readonly isAuthenticated: boolean;
  /** Returns whether the server accepts no more links. */
  readonly isStopped: () => boolean;
  /** Called when a link has ended and its client has been informed. */
  readonly onClosed: () => void;
}

/**
 * How long, in ms, and how many ids the registry remembers: those of opened links, because each may
 * be opened only once; and those of links that the server has ended, because their clients may send
 * requests before they receive the end.
 */
const REMEMBERED = { ttl: 60_000, maxSize: 10_000 } as const;

/** All links over requests to one server, by id. */
export class HttpLinkRegistry {
  readonly #options: HttpLinkRegistryOptions;
  readonly #links = new Map<string, ServedHttpLink>();
  readonly #opened: RecentKeys;
  readonly #ended: RecentKeys;

  constructor(options: HttpLinkRegistryOptions) {
    const { scheduler } = options;
    this.#options = options;
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
  /**
   * Returns the link of a request.
   *
   * @throws {StatusError} If there is none; with 204 if its client learns of the end elsewhere.
   */
  find(request: IncomingMessage): ServedHttpLink {
    const name = linkIdOf(request);
    const link = this.#links.get(name);
    // A request and the notice of the end may cross: such a request must not become a lost
    // connection.
    if (!link) throw new StatusError(request.method !== 'GET' && this.#ended.has(name) ? 204 : 404);
    return link;
  }
  /** Emits the link of a request if the client may use it. */
  authorized(request: IncomingMessage): Observable<ServedHttpLink> {
    const checked$ = this.#options.isAuthenticated ? this.find(request).check(request) : of(undefined);
    return checked$.pipe(map(() => this.find(request)));
  }
  /** Takes a token for a request that opens a link. Returns a refusal when there is none. */
  throttle(request: IncomingMessage): Refusal | undefined {
    const { admission } = this.#options;
    return admission.throttle(admission.addressOf(request));
  }
  /** @throws {StatusError} If the link may not be opened. */
  open(exchange: ReceivedExchange, name: string, frames: readonly Frame[]): Observable<OpenedHttpLink> {
    const { admission, node, transports, isStopped, onClosed } = this.#options;
    if (isStopped()) throw new StatusError(503, { 'retry-after': '1' });
    // May throw, so it runs before the link counts against the limits.
    const createDownlink = negotiateDownlink(exchange.request, transports);
    if (this.#opened.seen(name)) throw new StatusError(409);
    const address = admission.addressOf(exchange.request);
    const leave = admission.enter(address);
    if (typeof leave !== 'function') throw new StatusError(leave.status, leave.headers);
    const link = new ServedHttpLink(exchange, createDownlink, { ...this.#options, address, onFlood: admission.charge }, () => {
      if (link.isEnded) this.#ended.seen(name);
      if (!this.#links.delete(name)) return;
      onClosed();
      leave();
    });
    this.#links.set(name, link);
    if (node !== undefined) exchange.response.setHeader(HttpHeader.NODE, node);
    link.respondToOpening();
    // Subscribes before the first frame.
    return concat(
      of(link.opened),
      defer(() => {
        for (const frame of frames) link.receive(frame);
        return EMPTY;
      }),
    );
  }
  /** Closes all links. */
  readonly closeAll = (): void => [...this.#links.values()].forEach((link) => link.close());
}
