import type { IncomingMessage } from 'node:http';
import { UnauthorizedError } from '../errors.js';
import { assertNotNegative, assertPositive } from '../internal/assert.js';
import { createKeyedCounts } from '../internal/keyedCounts.js';
import { CloseCode } from '../link/closeCode.js';
import type { ServeOptions } from './serveOptions.js';

export interface AdmissionOptions {
  /** Pages of other hosts that may connect, as `https://app.example`. @default only pages of this host, and clients that are no browsers */
  readonly origins?: readonly string[];
  /**
   * The names that this server answers to, as `app.example`, with or without a port: a page can make a name of its own point here, and that of a
   * server in a private network. @default any
   */
  readonly hosts?: readonly string[];
  /** Connections at once; past that, requests for more get 503. @default 10_000 */
  readonly maxConnections?: number;
  /** Connections of one address at once. @default Infinity: behind a proxy all have that of the proxy */
  readonly maxPerAddress?: number;
  /** Whose connection it is, as `maxPerAddress` counts them: behind a proxy, what that says. @default the address of the socket */
  readonly address?: (request: IncomingMessage) => string;
}

/** Why a request is not let in. It tells nothing more: the same for all who are refused with this status. */
export interface Refusal {
  readonly status: 403 | 503;
  readonly headers: Readonly<Record<string, string>>;
}

/** Whom a server lets in, before anything of it is read but the headers of its request. */
export interface Admission {
  /** Why this request is not for us, if it is not: it comes from a page that must not, or was sent to a name that is not ours. */
  inspect(request: IncomingMessage): Refusal | undefined;
  /** Counts a connection that begins with this request. Answers with what must be called at its end, and no more than once; or why there is no room for it. */
  enter(request: IncomingMessage): Refusal | (() => void);
  /** From now on nobody is let in; who is refused may come back in so many ms. */
  close(retryAfter: number): void;
}

/** How long who is refused for lack of room should wait, in ms. */
const RETRY_AFTER = 5_000;

/** What browsers say, so that one that can never be right is found at once: with a scheme, and nothing behind the port. */
const ORIGIN = /^(null|[a-z][a-z0-9+.-]*:\/\/[^/*]+)$/i;

/**
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if one of the origins is none.
 */
export function checkAdmission(owner: string, { maxConnections, maxPerAddress, origins = [] }: AdmissionOptions): void {
  for (const origin of origins)
    if (!ORIGIN.test(origin))
      throw new TypeError(`${owner}: "origins" must each be like https://app.example, without a path or *, got ${origin}`);
  assertNotNegative(owner, { maxConnections });
  assertPositive(owner, { maxPerAddress });
}

export function createAdmission(options: AdmissionOptions & Pick<ServeOptions, 'onRefused'>): Admission {
  const { origins = [], hosts, maxConnections = 10_000, maxPerAddress = Infinity, onRefused } = options;
  const { address = (request: IncomingMessage): string => request.socket.remoteAddress ?? '' } = options;
  const perAddress = createKeyedCounts();
  let count = 0;
  let closedFor: number | undefined;
  const leave = (): void => {
    count--;
  };

  return {
    inspect(request) {
      const reason = isHost(request, hosts) ? (isAllowed(request, origins) ? '' : named('origin', request)) : named('host', request);
      if (!reason) return undefined;
      onRefused?.(new UnauthorizedError(CloseCode.FORBIDDEN, reason));
      return FORBIDDEN;
    },
    enter(request) {
      const from = address(request);
      if (closedFor !== undefined) return unavailable(closedFor);
      if (count >= maxConnections || perAddress.of(from) >= maxPerAddress) return unavailable(RETRY_AFTER);
      count++;
      // The same for all where addresses are not counted.
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

/** For who runs the server: the client learns nothing of it. */
function named(header: 'origin' | 'host', { headers }: IncomingMessage): string {
  return `the ${header} ${(headers[header] ?? 'that was not told').slice(0, 100)} is not among "${header}s"`;
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
 * Browsers tell the page's origin, and any page can ask for a WebSocket of any server: only pages of this very host, and those that were named, are
 * let in. A client that tells no origin is no browser, or must be one that says otherwise that it is on a page of this host.
 */
function isAllowed(request: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return isWithoutOrigin(request);
  return origins.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host);
}

/** For a WebSocket each browser tells an origin; for a GET of the same host it does not: https://fetch.spec.whatwg.org/#origin-header */
function isWithoutOrigin({ headers }: IncomingMessage): boolean {
  const { upgrade, 'user-agent': agent = '', 'sec-fetch-site': site } = headers;
  return upgrade === undefined ? site === undefined || site === 'same-origin' : site === undefined && !agent.startsWith('Mozilla/');
}
