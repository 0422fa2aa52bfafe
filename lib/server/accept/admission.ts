import type { IncomingMessage } from 'node:http';
import { UnauthorizedError } from '../../errors.js';
import { assertNotNegative, assertPositive } from '../../internal/assert.js';
import { createKeyedCounts } from '../../internal/keyedCounts.js';
import { CloseCode } from '../../link/closeCode.js';
import type { ServeOptions } from '../serverOptions.js';

export interface AdmissionOptions {
  /** The origins of pages of other hosts that may connect, as `https://app.example`. @default only pages of this host, and clients that are no browsers */
  readonly origins?: readonly string[];
  /**
   * The host names that requests may be sent to, as `app.example`, with or without a port. This protects against DNS rebinding, by which a page lets a name of
   * its own point to this server, as to one in a private network. @default any
   */
  readonly hosts?: readonly string[];
  /** Connections at once; past that, the server responds to requests with 503. @default 10_000 */
  readonly maxConnections?: number;
  /** Connections of one address at once. @default Infinity: behind a proxy all connections have the address of the proxy */
  readonly maxPerAddress?: number;
  /** Returns the address of a client, for `maxPerAddress`: behind a proxy, the address that the proxy reports. @default the address of the socket */
  readonly address?: (request: IncomingMessage) => string;
}

/** The default values of the options above. */
export const ADMISSION_DEFAULTS = { maxConnections: 10_000, maxPerAddress: Infinity } as const;

/** The response to a request that is refused. It does not reveal the reason. */
export interface Refusal {
  readonly status: 403 | 503;
  readonly headers: Readonly<Record<string, string>>;
}

/** Decides which requests may open a connection, by their headers. */
export interface Admission {
  /** Returns a refusal when the request comes from a page that is not allowed, or was sent to a host name that is not allowed. */
  inspect(request: IncomingMessage): Refusal | undefined;
  /** Counts the connection of a request. Returns a function that must be called once, at its end; or a refusal when there are too many connections. */
  enter(request: IncomingMessage): Refusal | (() => void);
  /** Refuses all requests from now on; clients may try again after `retryAfter` ms. */
  close(retryAfter: number): void;
}

/** How long a client should wait when there are too many connections, in ms. */
const RETRY_AFTER = 5_000;

/** An origin as browsers send it, with a scheme and nothing after the port: any other entry of `origins` is a mistake. */
const ORIGIN = /^(null|[a-z][a-z0-9+.-]*:\/\/[^/*]+)$/i;

/**
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if an origin is invalid.
 */
export function checkAdmission(owner: string, { maxConnections, maxPerAddress, origins = [] }: AdmissionOptions): void {
  for (const origin of origins)
    if (!ORIGIN.test(origin))
      throw new TypeError(`${owner}: "origins" must each be like https://app.example, without a path or *, got ${origin}`);
  assertNotNegative(owner, { maxConnections });
  assertPositive(owner, { maxPerAddress });
}

export function createAdmission(options: AdmissionOptions & Pick<ServeOptions, 'onRefused'>): Admission {
  const { origins = [], hosts, onRefused } = options;
  const { maxConnections = ADMISSION_DEFAULTS.maxConnections, maxPerAddress = ADMISSION_DEFAULTS.maxPerAddress } = options;
  const { address = (request: IncomingMessage): string => request.socket.remoteAddress ?? '' } = options;
  const perAddress = createKeyedCounts();
  let count = 0;
  let closedFor: number | undefined;
  const leave = (): void => {
    count--;
  };

  return {
    inspect(request) {
      const wrong = !isHost(request, hosts) ? 'host' : !isAllowed(request, origins) ? 'origin' : undefined;
      if (!wrong) return undefined;
      onRefused?.(new UnauthorizedError(CloseCode.FORBIDDEN, reasonOf(wrong, request)));
      return FORBIDDEN;
    },
    enter(request) {
      const from = address(request);
      if (closedFor !== undefined) return unavailable(closedFor);
      if (count >= maxConnections || perAddress.of(from) >= maxPerAddress) return unavailable(RETRY_AFTER);
      count++;
      // One function for all connections saves memory.
      if (maxPerAddress === Infinity) return leave;
      const remove = perAddress.add(from);
      return () => {
        leave();
        remove();
      };
    },
    close: (retryAfter) => void (closedFor = retryAfter),
  };
}

/** Returns the reason of a refusal, for the operator of the server: the client does not receive it. */
function reasonOf(header: 'origin' | 'host', { headers }: IncomingMessage): string {
  const value = headers[header];
  return value === undefined ? `the request has no ${header} header` : `the ${header} ${value.slice(0, 100)} is not among "${header}s"`;
}

const FORBIDDEN: Refusal = { status: 403, headers: {} };

function unavailable(retryAfter: number): Refusal {
  return { status: 503, headers: { 'Retry-After': String(Math.ceil(retryAfter / 1_000)) } };
}

function isHost({ headers: { host = '' } }: IncomingMessage, hosts: readonly string[] | undefined): boolean {
  const asked = host.toLowerCase();
  return !hosts || hosts.some((name) => asked === name.toLowerCase() || asked.replace(/:\d*$/, '') === name.toLowerCase());
}

/**
 * Returns whether the page of a request may connect. Any page can request a WebSocket from any server, but browsers send the origin of the page: only pages
 * of this host and of `origins` are allowed. Without an origin, the client must be no browser, or must show otherwise that the page is of this host.
 */
function isAllowed(request: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return isWithoutOrigin(request);
  return origins.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host);
}

/** Browsers send an origin with each WebSocket handshake, but not with a GET to the same host: https://fetch.spec.whatwg.org/#origin-header */
function isWithoutOrigin({ headers }: IncomingMessage): boolean {
  const { upgrade, 'user-agent': agent = '', 'sec-fetch-site': site } = headers;
  return upgrade === undefined ? site === undefined || site === 'same-origin' : site === undefined && !agent.startsWith('Mozilla/');
}
