import type { Socket } from 'node:net';
import type { SchedulerLike } from 'rxjs';
import { OverflowError, UnauthorizedError } from '../../message/errors.js';
import { printWarning } from '../../message/errors/reportUncaught.js';
import { escapeControls } from '../../message/escapeControls.js';
import { anything, notNegative, type OptionTable, positive, readOptions } from '../../message/options/readOptions.js';
import { createKeyedCounts } from '../limits/keyedCounts.js';
import { CloseCode } from '../../message/closeCode.js';
import { type ConnectionRate, createConnectionLimiter, readConnectionRate } from '../limits/connectionRate.js';
import type { ServeOptions } from '../serverOptions.js';
import type { RequestHead } from '../http/httpExchange.js';
import { isAddress } from '../nodePlatform.js';
import { createRefusalReporter } from './authentication.js';

export interface AdmissionOptions {
  /**
   * The origins of pages of other hosts that may connect, as `https://app.example`.
   * @default only
   * pages of this host, and clients that are no browsers
   */
  readonly origins?: readonly string[];
  /**
   * The host names that requests may be sent to, as `app.example`, with or without a port. This
   * protects against DNS rebinding, by which a page lets a name of its own point to this server, as
   * to one in a private network.
   * @default any
   */
  readonly hosts?: readonly string[];
  /**
   * Connections at once; past that, the server responds to requests with 503. A node of a cluster
   * forwards as many requests at once, of 64 MiB together, and answers the others with 503.
   * @default 10_000
   */
  readonly maxConnections?: number;
  /**
   * Connections of one address at once. An IPv6 address counts with all addresses of its /64.
   * @default Infinity: people may share an address
   */
  readonly maxPerAddress?: number;
  /**
   * How many connections one address may open. The server responds to further requests with 429,
   * before it upgrades a socket or reads a body. An address that continues all the same gets into
   * debt: the server closes its connections at once, and lets it in again when it has stopped for a
   * while. Requests of open connections do not count. `false`: any number.
   * @default { perSecond:
   * 20, burst: 100 }
   */
  readonly connectionRate?: ConnectionRate | false;
  /**
   * The number of proxies in front of the server, which all add to `X-Forwarded-For`. The address
   * of a client is that many entries from the end of this header. With 0 the server ignores the
   * header, which any client can send.
   * @default 0: the address of the socket
   */
  readonly trustProxy?: number;
}

/** The rules and defaults of the options above. */
export const ADMISSION_OPTIONS = {
  origins: [anything, []],
  hosts: [anything],
  maxConnections: [notNegative, 10_000],
  maxPerAddress: [positive, Infinity],
  connectionRate: [anything, {}],
  trustProxy: ['a whole number >= 0', 0],
} as const satisfies OptionTable<AdmissionOptions>;

export type FullAdmissionOptions = ReturnType<typeof readAdmission>;

/** The response to a request that is refused. It does not reveal the reason. */
export interface Refusal {
  readonly status: 403 | 429 | 503;
  readonly headers: Readonly<Record<string, string>>;
}

/** How long a client should wait when there are too many connections, in ms. */
const RETRY_AFTER = 5_000;

/**
 * An origin as browsers send it, with a scheme and nothing after the port: any other entry of
 * `origins` is a mistake.
 */
const ORIGIN = /^(null|[a-z][a-z0-9+.-]*:\/\/[^/*]+)$/i;

/**
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if an origin is invalid.
 */
export function readAdmission(owner: string, options: AdmissionOptions) {
  const { connectionRate, ...read } = readOptions(owner, options, ADMISSION_OPTIONS);
  for (const origin of read.origins)
    if (!ORIGIN.test(origin))
      throw new TypeError(`${owner}: "origins" must each be like https://app.example, without a path or *, got ${origin}`);
  return { ...read, connectionRate: connectionRate && readConnectionRate(owner, connectionRate) };
}

/** The maximum number of refused pages with a warning: a client can send any origin. */
const MAX_WARNINGS = 100;

/** Decides which requests may open a connection, by their headers. */
export type Admission = ReturnType<typeof createAdmission>;

export function createAdmission(options: FullAdmissionOptions & Pick<ServeOptions, 'onRefused'>, scheduler: SchedulerLike) {
  const { origins, hosts, connectionRate, trustProxy, maxConnections, maxPerAddress, onRefused } = options;
  const limiter = connectionRate && createConnectionLimiter(connectionRate, scheduler);
  const reportRefusal = createRefusalReporter(onRefused);
  const warnings = new Set<string>();
  const perAddress = createKeyedCounts();
  let count = 0;
  let closedFor: number | undefined;
  const leave = (): void => {
    count--;
  };

  return {
    /** Returns the address of a client, as limits count it. */
    addressOf: (request: RequestHead): string => clientAddress(request, trustProxy),
    /**
     * Returns whether the server closes a new connection unread, because its address is a flood.
     * Behind a proxy, only the headers contain the address.
     */
    isBlocked: ({ remoteAddress }: Socket): boolean => trustProxy === 0 && limiter && limiter.isBlocked(addressGroup(remoteAddress)),
    /** Makes an address pay for a connection that was closed as a flood (4429). */
    charge: (address: string): void => {
      if (limiter) limiter.charge(address);
    },
    /**
     * Takes a token of the address that opens a connection. Returns a refusal when there is none.
     * To be called once for each connection, before all else.
     */
    throttle(from: string): Refusal | undefined {
      // A socket of the file system has no address.
      const wait = limiter && from !== '' ? limiter.take(from) : 0;
      if (!limiter || wait === 0) return undefined;
      if (limiter.isNews(from)) reportRefusal(new OverflowError(`new connections of ${from} a second`, limiter.perSecond));
      return { status: 429, headers: retryIn(wait) };
    },
    /**
     * Returns a refusal when the request comes from a page that is not allowed, or was sent to a
     * host name that is not allowed.
     */
    inspect(request: RequestHead): Refusal | undefined {
      const wrong = !isHost(request, hosts) ? 'host' : !isAllowed(request, origins) ? 'origin' : undefined;
      if (!wrong) return undefined;
      const reason = reasonOf(wrong, request);
      if (onRefused) reportRefusal(new UnauthorizedError(CloseCode.FORBIDDEN, reason));
      else if (warnings.size < MAX_WARNINGS && !warnings.has(reason)) {
        warnings.add(reason);
        // Not its stack, which shows no part of the program.
        printWarning({ message: new UnauthorizedError(CloseCode.FORBIDDEN, reason).message });
      }
      return { status: 403, headers: {} };
    },
    /**
     * Counts a connection of an address. Returns a function that must be called once, at its end;
     * or a refusal when there are too many connections, or `isBusy`.
     */
    enter(from: string, isBusy = false): Refusal | (() => void) {
      if (closedFor !== undefined) return unavailable(closedFor);
      if (isBusy || count >= maxConnections || (maxPerAddress < Infinity && perAddress.of(from) >= maxPerAddress))
        return unavailable(RETRY_AFTER);
      count++;
      // One function for all connections saves memory.
      if (maxPerAddress === Infinity) return leave;
      const remove = perAddress.add(from);
      return () => {
        leave();
        remove();
      };
    },
    /** Refuses all requests from now on; clients may try again after `retryAfter` ms. */
    close: (retryAfter: number): void => void (closedFor = retryAfter),
  };
}

/**
 * Returns the reason of a refusal, for the operator of the server: the client does not receive it.
 */
function reasonOf(header: 'origin' | 'host', { headers }: RequestHead): string {
  const value = headers[header];
  if (value === undefined) return `the request has no ${header} header`;
  return `the ${header} ${escapeControls(value.slice(0, 100))} is not among "${header}s"`;
}

function unavailable(retryAfter: number): Refusal {
  return { status: 503, headers: retryIn(retryAfter) };
}

/** @param ms Is rounded up to seconds. */
function retryIn(ms: number): Refusal['headers'] {
  return { 'Retry-After': String(Math.ceil(ms / 1_000)) };
}

function isHost({ headers: { host = '' } }: RequestHead, hosts: readonly string[] | undefined): boolean {
  const asked = host.toLowerCase();
  return !hosts || hosts.some((name) => asked === name.toLowerCase() || asked.replace(/:\d*$/, '') === name.toLowerCase());
}

/**
 * Returns whether the page of a request may connect. Any page can request a WebSocket from any
 * server, but browsers send the origin of the page: only pages of this host and of `origins` are
 * allowed. Without an origin, the client must be no browser, or must show otherwise that the page
 * is of this host.
 */
function isAllowed(request: RequestHead, origins: readonly string[]): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return isWithoutOrigin(request);
  return origins.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host);
}

/**
 * Browsers send an origin with each WebSocket handshake, but not with a GET to the same host:
 * https://fetch.spec.whatwg.org/#origin-header
 */
function isWithoutOrigin({ headers }: RequestHead): boolean {
  const { upgrade, 'user-agent': agent = '', 'sec-fetch-site': site } = headers;
  return upgrade === undefined ? site === undefined || site === 'same-origin' : site === undefined && !agent.startsWith('Mozilla/');
}

/**
 * Returns the address of the client of a request, behind `trustProxy` proxies: the last one
 * connects to this server, and each reports the address that connects to it.
 */
export function clientAddress({ headers, socket }: RequestHead, trustProxy: number): string {
  return addressGroup((trustProxy > 0 ? reportedAddress(headers['x-forwarded-for'], trustProxy) : undefined) ?? socket.remoteAddress);
}

/**
 * Returns an address as its limits count it: an IPv4 address as it is, and an IPv6 address as its
 * network, which has 64 bits, because one host may use all addresses of such a network. Returns ''
 * for a socket that has no address.
 */
export function addressGroup(address = ''): string {
  if (!address.includes(':')) return address;
  // An IPv4 client of a server that listens on `::`.
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.toLowerCase().split('%', 1).join('').split('::');
  const groups = head === '' ? [] : head.split(':');
  const last = tail ? tail.split(':') : [];
  // A dotted ending stands for two groups.
  const missing = tail === undefined ? 0 : 8 - groups.length - last.length - (address.includes('.') ? 1 : 0);
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...last];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::`;
}

/**
 * Returns the entry that the outermost trusted proxy has added: clients can write all entries
 * before it.
 */
function reportedAddress(header: string | readonly string[] | undefined, trustProxy: number): string | undefined {
  const entries = String(header ?? '').split(',');
  const entry = (entries.at(-trustProxy) ?? entries[0] ?? '').trim();
  // Some proxies add the port.
  const [, bracketed, plain] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(entry) ?? [];
  const address = bracketed ?? plain ?? entry;
  return isAddress(address) ? address : undefined;
}
