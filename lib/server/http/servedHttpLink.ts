import type { IncomingMessage } from 'node:http';
import { catchError, defer, finalize, ignoreElements, map, merge, of, Subject, takeUntil, tap, throwError, type Observable } from 'rxjs';
import { ConnectionLostError, ProtocolError } from '../../message/errors.js';
import { completionOf } from '../../operators/subscribing/completionOf.js';
import { createRateDetector } from '../../io/rateDetector.js';
import { CloseCode } from '../../message/closeCode.js';
import { EVENTS_TYPE, RECORDS_TYPE } from '../../io/http/httpHeaders.js';
import type { Ending } from '../../io/http/recordFormat.js';
import type { DescribedLink, Frame, Link } from '../../io/link.js';
import { createStallCheck, type StallOptions } from '../../io/stallCheck.js';
import type { ServedLink } from '../serverOptions.js';
import { type Downlink, type DownlinkOptions, eventDownlink, pollDownlink } from './downlink.js';
import { StatusError, type HttpReply } from './httpStatus.js';
import type { RequestHead, ResponseWriter } from './httpExchange.js';

/** The transports that a server can offer. */
export type Transport = 'websocket' | 'sse' | 'long-polling';

export interface ServedHttpLinkOptions extends StallOptions, Omit<DownlinkOptions, 'onClosed'> {
  readonly transports: readonly Transport[];
  readonly endpoint: string;
}

/** An opened link, to be subscribed to once, before the first frame; with its request. */
export type OpenedHttpLink = Link<Frame> & DescribedLink & Pick<ServedLink, 'request' | 'onIdentified' | 'address' | 'onFlood'>;

type OnIdentified = NonNullable<ServedLink['onIdentified']>;

/**
 * The maximum number of bodies of one link that are read at once: a client sends one, and an
 * intermediary may repeat it.
 */
const MAX_CONCURRENT_BODIES = 4;

/** More requests without effect than this, within the window in ms, are a flood. */
const MAX_IDLE_REQUESTS = 100;
const IDLE_WINDOW = 10_000;

export class ServedHttpLink {
  readonly opened: OpenedHttpLink;
  /** Whether the server, not the client, has ended the link. */
  isEnded = false;
  readonly #downlink: Downlink;
  readonly #received$ = new Subject<Frame>();
  readonly #checkStall: () => void;
  readonly #isFlooding: () => boolean;
  #closeReason: Ending = { code: CloseCode.ABANDONED, reason: '' };
  #isLost = false;
  #posts = 1;
  #polls = 0;
  #bodies = 0;
  /** The credentials that are known to be those of the client: the id alone gives no access. */
  #credentials: string;
  #identified: Parameters<OnIdentified> | undefined;

  /** @param make Creates the downlink; see {@link negotiateDownlink}. */
  constructor(
    request: RequestHead,
    make: MakeDownlink,
    options: ServedHttpLinkOptions & Required<Pick<ServedLink, 'address' | 'onFlood'>>,
    onClosed: () => void,
  ) {
    const { endpoint, scheduler, address, onFlood } = options;
    const onDisconnected = (): void => {
      onClosed();
      this.onClientClosed({ code: CloseCode.ABNORMAL, reason: 'the client ended the request' });
    };
    const downlink = make({ ...options, onClosed: onDisconnected });
    const onIdentified: OnIdentified = (...all) => void (this.#identified = all);
    this.#downlink = downlink;
    this.#checkStall = createStallCheck(options, scheduler, downlink.buffered);
    this.#isFlooding = createRateDetector(MAX_IDLE_REQUESTS, IDLE_WINDOW, scheduler);
    this.#credentials = credentialsOf(request);
    this.opened = Object.assign(((outgoing) => this.#run(outgoing)) as Link<Frame>, {
      protocol: downlink.protocol,
      endpoint,
      request: request as IncomingMessage,
      onIdentified,
      address,
      onFlood,
    });
  }

  #run(outgoing: Observable<Frame>): Observable<Frame> {
    return defer(() => {
      const sent$ = outgoing.pipe(
        tap({ next: (frame) => this.#send(frame), complete: () => this.#finish() }),
        catchError((error: unknown) => this.#failWith(error)),
        takeUntil(completionOf(this.#received$)),
        ignoreElements(),
      );
      return merge(this.#received$, sent$).pipe(finalize(() => this.#end()));
    });
  }
  #send(frame: Frame): void {
    this.#checkStall();
    this.#downlink.send(frame);
  }
  #finish(): void {
    this.#closeReason = { code: CloseCode.NORMAL, reason: '' };
    this.#received$.complete();
  }
  #failWith(error: unknown): Observable<never> {
    // If the client has ended the link, its reason is kept.
    if (error instanceof ConnectionLostError && !this.#isLost) this.#closeReason = { code: error.closeCode, reason: error.reason };
    return throwError(() => error);
  }
  #end(): void {
    this.isEnded = !this.#isLost;
    this.#downlink.end(this.#closeReason);
  }

  /**
   * Emits if a request may use the link.
   *
   * @throws {StatusError} Delivered, if it may not: 404, as for an unknown link.
   */
  check(request: RequestHead): Observable<void> {
    const now = credentialsOf(request);
    // The same credentials need no further authentication.
    if (now === this.#credentials) return of(undefined);
    if (!this.#identified) return throwError(() => new StatusError(404));
    const [owner, identify] = this.#identified;
    return identify(request as IncomingMessage).pipe(
      map((principal) => {
        if (principal?.id !== owner?.id) throw new StatusError(404);
        this.#credentials = now;
      }),
    );
  }
  respondToOpening(response: ResponseWriter): Observable<HttpReply> {
    return this.#downlink.open(response);
  }
  /** Reads a body. @throws {StatusError} Delivered, if too many bodies are being read. */
  readLimited<T>(body$: Observable<T>): Observable<T> {
    return defer(() => {
      if (this.#bodies === MAX_CONCURRENT_BODIES) throw tooMany();
      this.#bodies++;
      return body$.pipe(finalize(() => this.#bodies--));
    });
  }
  receive(frame: Frame): void {
    this.#received$.next(frame);
  }
  /**
   * Takes the frames of a request, and returns the reply.
   *
   * @throws {ProtocolError} If earlier requests are missing.
   * @throws {StatusError} If too many requests have no effect.
   */
  push(number: number, frames: readonly Frame[]): HttpReply {
    if (number > this.#posts + 1) throw new ProtocolError('an earlier request is missing');
    if (number <= this.#posts || frames.length === 0) this.#countIdle();
    // A repeated request gets a response and has no effect.
    if (number === this.#posts + 1) {
      this.#posts = number;
      for (const frame of frames) this.receive(frame);
    }
    return { status: 204, headers: {} };
  }
  /** Emits the reply to a poll. @throws {StatusError} If the poll cannot be held. */
  poll(number: number): Observable<HttpReply> {
    const { poll$, isHeld } = this.#downlink;
    if (!poll$) throw new StatusError(406);
    if (number <= this.#polls) throw new StatusError(409);
    if (isHeld()) this.#countIdle();
    this.#polls = number;
    return poll$;
  }
  /** Counts a request without effect. */
  #countIdle(): void {
    if (!this.#isFlooding()) return;
    this.onClientClosed({ code: CloseCode.FLOOD, reason: 'the client sent too many requests without effect' });
    throw tooMany();
  }
  onClientClosed(ending: Ending): void {
    const { code, reason } = ending;
    this.#closeReason = ending;
    this.#isLost = true;
    if (code === CloseCode.NORMAL) this.#received$.complete();
    else this.#received$.error(new ConnectionLostError(code, reason, code !== CloseCode.ABNORMAL));
  }
  close(): void {
    this.#downlink.close();
  }
}

function tooMany(): StatusError {
  return new StatusError(429, { 'retry-after': '1' });
}

/** Header fields that vary between the requests of one client and do not identify it. */
const VOLATILE =
  /^(accept|cdn-loop|cf-(connecting-ip|ew-via|ipcountry|ray|visitor)|connection|content-.*|host|origin|pragma|cache-control|priority|rxwire-.*|sec-fetch-.*|transfer-encoding|via|x-forwarded-.*|x-real-ip|x-request-id)$/;

function credentialsOf({ headers }: RequestHead): string {
  return JSON.stringify(Object.entries(headers).filter(([name]) => !VOLATILE.test(name)));
}

type MakeDownlink = (options: DownlinkOptions) => Downlink;

/** Selects the downlink for the `accept` header. @throws {StatusError} If it is not available. */
export function negotiateDownlink({ headers: { accept } }: RequestHead, transports: readonly Transport[]): MakeDownlink {
  if (accept === EVENTS_TYPE && transports.includes('sse')) return eventDownlink;
  if (accept === RECORDS_TYPE && transports.includes('long-polling')) return pollDownlink;
  throw new StatusError(406);
}
