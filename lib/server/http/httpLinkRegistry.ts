import type { IncomingMessage } from 'node:http';
import { concat, defer, EMPTY, map, of, type Observable } from 'rxjs';
import { createRecentKeys } from '../../internal/recentKeys.js';
import type { Frame } from '../../link/link.js';
import type { Admission, Refusal } from '../accept/admission.js';
import {
  createServedHttpLink,
  negotiateDownlink,
  type ServedHttpLink,
  type ServedHttpLinkOptions,
  type OpenedHttpLink,
} from './servedHttpLink.js';
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

/** All links over requests to one server. */
export interface HttpLinkRegistry {
  readonly size: number;
  /** Returns whether the link of an id is here, or was, and its client may still send requests. */
  readonly has: (name: string) => boolean;
  /**
   * Returns the link of a request.
   * @throws {StatusError} If there is none; with 204 if its client
   * learns of the end elsewhere.
   */
  readonly find: (request: IncomingMessage) => ServedHttpLink;
  /** Emits the link of a request if the client may use it. */
  readonly authorized: (request: IncomingMessage) => Observable<ServedHttpLink>;
  /** Takes a token for a request that opens a link. Returns a refusal when there is none. */
  readonly throttle: (request: IncomingMessage) => Refusal | undefined;
  /** Closes all links. */
  readonly closeAll: () => void;
  /** @throws {StatusError} If the link may not be opened. */
  readonly open: (exchange: ReceivedExchange, name: string, frames: readonly Frame[]) => Observable<OpenedHttpLink>;
}

/** Creates the registry of links by id. */
export function createHttpLinkRegistry(options: HttpLinkRegistryOptions): HttpLinkRegistry {
  const { scheduler, admission, node, isAuthenticated, isStopped, onClosed } = options;
  const entries = new Map<string, ServedHttpLink>();
  const opened = createRecentKeys({ ...REMEMBERED, scheduler });
  const ended = createRecentKeys({ ...REMEMBERED, scheduler });

  const find = (request: IncomingMessage): ServedHttpLink => {
    const name = linkIdOf(request);
    const entry = entries.get(name);
    // A request and the notice of the end may cross: such a request must not become a lost
    // connection.
    if (!entry) throw new StatusError(request.method !== 'GET' && ended.has(name) ? 204 : 404);
    return entry;
  };
  const owned = (request: IncomingMessage): Observable<ServedHttpLink> => {
    const checked$ = isAuthenticated ? find(request).check(request) : of(undefined);
    return checked$.pipe(map(() => find(request)));
  };
  const open = (exchange: ReceivedExchange, name: string, frames: readonly Frame[]): Observable<OpenedHttpLink> => {
    if (isStopped()) throw new StatusError(503, { 'retry-after': '1' });
    // May throw, so it runs before the link counts against the limits.
    const createDownlink = negotiateDownlink(exchange.request, options.transports);
    if (opened.seen(name)) throw new StatusError(409);
    const address = admission.addressOf(exchange.request);
    const leave = admission.enter(address);
    if (typeof leave !== 'function') throw new StatusError(leave.status, leave.headers);
    const entry = createServedHttpLink(exchange, createDownlink, { ...options, address, onFlood: admission.charge }, () => {
      if (entry.isEnded()) ended.seen(name);
      if (!entries.delete(name)) return;
      onClosed();
      leave();
    });
    entries.set(name, entry);
    if (node !== undefined) exchange.response.setHeader(HttpHeader.NODE, node);
    entry.respondToOpening();
    // Subscribes before the first frame.
    return concat(
      of(entry.opened),
      defer(() => {
        frames.forEach(entry.receive);
        return EMPTY;
      }),
    );
  };
  return {
    get size() {
      return entries.size;
    },
    has: (name) => entries.has(name) || ended.has(name),
    find,
    authorized: owned,
    throttle: (request) => admission.throttle(admission.addressOf(request)),
    open,
    closeAll: () => [...entries.values()].forEach((entry) => entry.close()),
  };
}
