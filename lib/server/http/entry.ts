import type { IncomingMessage } from 'node:http';
import { defer, finalize, type Observable } from 'rxjs';
import { ProtocolError } from '../../errors.js';
import { createTooOften } from '../../internal/tooOften.js';
import { CloseCode } from '../../link/closeCode.js';
import { EVENTS_TYPE, RECORDS_TYPE } from '../../link/http/headers.js';
import type { Frame } from '../../link/link.js';
import type { StallOptions } from '../../link/stall.js';
import type { ServedLink } from '../serveOptions.js';
import type { Downlink, DownlinkOptions } from './downlink.js';
import { eventDownlink } from './eventDownlink.js';
import type { Exchange } from './intercept.js';
import { createOwnership, type Ownership } from './ownership.js';
import { pollDownlink } from './pollDownlink.js';
import { StatusError } from './refusal.js';
import { respond } from './respond.js';
import { createServerLink, type ServerLink } from './serverLink.js';

/** What may carry the frames of a client. */
export type Transport = 'websocket' | 'sse' | 'long-polling';

export interface EntryOptions extends StallOptions, Omit<DownlinkOptions, 'onClosed'> {
  readonly transports: readonly Transport[];
  readonly endpoint: string;
}

/** A link that has been opened, and how. */
export type Opened = ServerLink['link'] & Pick<ServedLink, 'request' | 'onIdentified'>;

/** What a server keeps of a link over requests. */
export interface Entry {
  readonly opened: Opened;
  readonly check: Ownership['check'];
  readonly isEnded: ServerLink['isEnded'];
  readonly lose: ServerLink['lose'];
  readonly receive: ServerLink['receive'];
  /** Begins to answer whoever has opened it. */
  readonly begin: () => void;
  /** Reads a body. @throws {StatusError} Delivered, when too many are being read. */
  readonly reading: <T>(body$: Observable<T>) => Observable<T>;
  /** @throws {ProtocolError} When requests before this one are missing. @throws {StatusError} When there are too many that bring nothing. */
  readonly push: (exchange: Exchange, number: number, frames: readonly Frame[]) => void;
  /** @throws {StatusError} When it cannot be held. */
  readonly poll: (exchange: Exchange, number: number) => void;
  /** The client has said that it leaves. */
  readonly close: () => void;
}

/** @param make What it gets its frames by: {@link downlinkFor}. */
export function createEntry({ request, response }: Exchange, make: MakeDownlink, options: EntryOptions, onClosed: () => void): Entry {
  const close = (): void => {
    onClosed();
    lose({ code: CloseCode.ABNORMAL, reason: 'the client has left' });
  };
  const down = make({ ...options, onClosed: close });
  const { link, receive, lose, isEnded } = createServerLink(down, options);
  const { check, onIdentified } = createOwnership(request);
  const isTooOften = createTooOften(MAX_IDLE, IDLE_IN, options.scheduler);
  let posts = 1;
  let polls = 0;
  let bodies = 0;
  /** A request has come for nothing. */
  const idle = (): void => {
    if (!isTooOften()) return;
    lose({ code: CloseCode.FLOOD, reason: 'too many requests that bring nothing' });
    throw tooMany();
  };

  return {
    ...{ check, isEnded, lose, receive },
    opened: Object.assign(link, { request, onIdentified }),
    begin: () => down.attach(response),
    reading: (body$) =>
      defer(() => {
        if (bodies === MAX_BODIES) throw tooMany();
        bodies++;
        return body$.pipe(finalize(() => bodies--));
      }),
    push(exchange, number, frames) {
      if (number > posts + 1) throw new ProtocolError('a request is missing');
      if (number <= posts || frames.length === 0) idle();
      // A repeat is answered, and changes nothing.
      if (number === posts + 1) {
        posts = number;
        frames.forEach(receive);
      }
      respond(exchange.response, 204);
    },
    poll(exchange, number) {
      if (down.protocol !== 'long-polling') throw new StatusError(406);
      if (number <= polls) throw new StatusError(409);
      if (down.isHeld()) idle();
      polls = number;
      down.attach(exchange.response);
    },
    close: down.close,
  };
}

/** Bodies of one link that are read at once: a client sends one, and somebody in between may repeat it. */
const MAX_BODIES = 4;

/** So many requests that bring nothing are too many in so many ms. */
const MAX_IDLE = 100;
const IDLE_IN = 10_000;

function tooMany(): StatusError {
  return new StatusError(429, { 'retry-after': '1' });
}

type MakeDownlink = (options: DownlinkOptions) => Downlink;

/** How a client wants to get its frames. @throws {StatusError} When it asks for what is not there. */
export function downlinkFor({ headers: { accept } }: IncomingMessage, transports: readonly Transport[]): MakeDownlink {
  if (accept === EVENTS_TYPE && transports.includes('sse')) return eventDownlink;
  if (accept === RECORDS_TYPE && transports.includes('long-polling')) return pollDownlink;
  throw new StatusError(406);
}
