import type { IncomingMessage } from 'node:http';
import { defer, finalize, type Observable } from 'rxjs';
import { ProtocolError } from '../../errors.js';
import { createRateDetector } from '../../internal/rateDetector.js';
import { CloseCode } from '../../link/closeCode.js';
import { EVENTS_TYPE, RECORDS_TYPE } from '../../link/http/httpHeaders.js';
import type { Frame } from '../../link/link.js';
import type { StallOptions } from '../../link/stallCheck.js';
import type { ServedLink } from '../serverOptions.js';
import type { Downlink, DownlinkOptions } from './downlink.js';
import { eventDownlink } from './eventDownlink.js';
import type { Exchange, ReceivedExchange } from './exchange.js';
import { createLinkOwnership, type LinkOwnership } from './linkOwnership.js';
import { pollDownlink } from './pollDownlink.js';
import { StatusError } from './statusError.js';
import { respond } from './respond.js';
import { createServerHttpLink, type ServerHttpLink } from './serverHttpLink.js';

/** The transports that a server can offer. */
export type Transport = 'websocket' | 'sse' | 'long-polling';

export interface ServedHttpLinkOptions extends StallOptions, Omit<DownlinkOptions, 'onClosed'> {
  readonly transports: readonly Transport[];
  readonly endpoint: string;
}

/** An opened link, with its request. */
export type OpenedHttpLink = ServerHttpLink['link'] & Pick<ServedLink, 'request' | 'onIdentified' | 'address' | 'onFlood'>;

/** The server's state of one link over requests. */
export interface ServedHttpLink {
  readonly opened: OpenedHttpLink;
  readonly check: LinkOwnership['check'];
  readonly isEnded: ServerHttpLink['isEnded'];
  readonly onClientClosed: ServerHttpLink['onClientClosed'];
  readonly receive: ServerHttpLink['receive'];
  /** Starts the response to the opening request. */
  readonly respondToOpening: () => void;
  /** Reads a body. @throws {StatusError} Delivered, if too many bodies are being read. */
  readonly readLimited: <T>(body$: Observable<T>) => Observable<T>;
  /**
   * @throws {ProtocolError} If earlier requests are missing.
   * @throws {StatusError} If too many
   *   requests have no effect.
   */
  readonly push: (exchange: Exchange, number: number, frames: readonly Frame[]) => void;
  /** @throws {StatusError} If the poll cannot be held. */
  readonly poll: (exchange: Exchange, number: number) => void;
  /** Handles the close of the client. */
  readonly close: () => void;
}

/** @param make Creates the downlink; see {@link negotiateDownlink}. */
export function createServedHttpLink(
  { request, response }: ReceivedExchange,
  make: MakeDownlink,
  options: ServedHttpLinkOptions & Required<Pick<ServedLink, 'address' | 'onFlood'>>,
  onClosed: () => void,
): ServedHttpLink {
  const close = (): void => {
    onClosed();
    onClientClosed({ code: CloseCode.ABNORMAL, reason: 'the client ended the request' });
  };
  const downlink = make({ ...options, onClosed: close });
  const { link, receive, onClientClosed, isEnded } = createServerHttpLink(downlink, options);
  const { check, onIdentified } = createLinkOwnership(request);
  const { address, onFlood } = options;
  const isFlooding = createRateDetector(MAX_IDLE_REQUESTS, IDLE_WINDOW, options.scheduler);
  let posts = 1;
  let polls = 0;
  let bodies = 0;
  /** Counts a request without effect. */
  const countIdle = (): void => {
    if (!isFlooding()) return;
    onClientClosed({ code: CloseCode.FLOOD, reason: 'the client sent too many requests without effect' });
    throw tooMany();
  };

  return {
    check,
    isEnded,
    onClientClosed,
    receive,
    opened: Object.assign(link, { request, onIdentified, address, onFlood }),
    respondToOpening: () => downlink.open(response),
    readLimited: (body$) =>
      defer(() => {
        if (bodies === MAX_CONCURRENT_BODIES) throw tooMany();
        bodies++;
        return body$.pipe(finalize(() => bodies--));
      }),
    push(exchange, number, frames) {
      if (number > posts + 1) throw new ProtocolError('an earlier request is missing');
      if (number <= posts || frames.length === 0) countIdle();
      // A repeated request gets a response and has no effect.
      if (number === posts + 1) {
        posts = number;
        frames.forEach(receive);
      }
      respond(exchange.response, 204);
    },
    poll(exchange, number) {
      if (!downlink.attach) throw new StatusError(406);
      if (number <= polls) throw new StatusError(409);
      if (downlink.isHeld()) countIdle();
      polls = number;
      downlink.attach(exchange.response);
    },
    close: downlink.close,
  };
}

/**
 * The maximum number of bodies of one link that are read at once: a client sends one, and an
 * intermediary may repeat it.
 */
const MAX_CONCURRENT_BODIES = 4;

/** More requests without effect than this, within the window in ms, are a flood. */
const MAX_IDLE_REQUESTS = 100;
const IDLE_WINDOW = 10_000;

function tooMany(): StatusError {
  return new StatusError(429, { 'retry-after': '1' });
}

type MakeDownlink = (options: DownlinkOptions) => Downlink;

/** Selects the downlink for the `accept` header. @throws {StatusError} If it is not available. */
export function negotiateDownlink({ headers: { accept } }: IncomingMessage, transports: readonly Transport[]): MakeDownlink {
  if (accept === EVENTS_TYPE && transports.includes('sse')) return eventDownlink;
  if (accept === RECORDS_TYPE && transports.includes('long-polling')) return pollDownlink;
  throw new StatusError(406);
}
