import type { IncomingMessage } from 'node:http';
import { concat, defer, EMPTY, map, of, type Observable } from 'rxjs';
import { createRecentKeys } from '../../internal/recentKeys.js';
import type { Frame } from '../../link/link.js';
import type { Admission } from '../admission.js';
import { createEntry, downlinkFor, type Entry, type EntryOptions, type Opened } from './entry.js';
import { linkOf } from './fields.js';
import type { Exchange } from './intercept.js';
import { StatusError } from './refusal.js';

export interface TableOptions extends EntryOptions {
  readonly admission: Pick<Admission, 'enter'>;
  /** Whether it is asked who the clients are. */
  readonly isAsked: boolean;
  /** Whether no more are to be opened. */
  readonly isStopped: () => boolean;
  /** One of them is over, and its client knows. */
  readonly onClosed: () => void;
}

/**
 * How long, and how many, names are remembered: of links that were opened, as each is opened once, whoever repeats that; and of those that were ended here, as
 * their clients may have something under way when they are told.
 */
const REMEMBERED = { ttl: 60_000, maxSize: 10_000 } as const;

/** All links over requests to one server. */
export interface Table {
  readonly size: number;
  /** The link of a request. @throws {StatusError} When there is none; with 204, when its client is told so elsewhere. */
  readonly find: (request: IncomingMessage) => Entry;
  /** The link of a request, if it is for whoever makes that. */
  readonly owned: (request: IncomingMessage) => Observable<Entry>;
  /** Nobody will ask for anything any more. */
  readonly clear: () => void;
  /** @throws {StatusError} When it may not be opened. */
  readonly open: (exchange: Exchange, name: string, frames: readonly Frame[]) => Observable<Opened>;
}

/** The links over requests that there are, by their names. */
export function createTable(options: TableOptions): Table {
  const { scheduler, admission, isAsked, isStopped, onClosed } = options;
  const entries = new Map<string, Entry>();
  const opened = createRecentKeys({ ...REMEMBERED, scheduler });
  const ended = createRecentKeys({ ...REMEMBERED, scheduler });

  const find = (request: IncomingMessage): Entry => {
    const name = linkOf(request);
    const entry = entries.get(name);
    // What goes up may overtake the news on its way down: it is not to make that a lost connection.
    if (!entry) throw new StatusError(request.method !== 'GET' && ended.has(name) ? 204 : 404);
    return entry;
  };
  const owned = (request: IncomingMessage): Observable<Entry> => {
    const checked$ = isAsked ? find(request).check(request) : of(undefined);
    return checked$.pipe(map(() => find(request)));
  };
  const open = (exchange: Exchange, name: string, frames: readonly Frame[]): Observable<Opened> => {
    if (isStopped()) throw new StatusError(503, { 'retry-after': '1' });
    // Before it takes a place.
    const make = downlinkFor(exchange.request, options.transports);
    if (opened.seen(name)) throw new StatusError(409);
    const leave = admission.enter(exchange.request);
    if (typeof leave !== 'function') throw new StatusError(leave.status, leave.headers);
    const entry = createEntry(exchange, make, options, () => {
      if (entry.isEnded()) ended.seen(name);
      if (!entries.delete(name)) return;
      onClosed();
      leave();
    });
    entries.set(name, entry);
    entry.begin();
    // There is a subscriber before anything comes.
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
    find,
    owned,
    open,
    clear: () => [...entries.values()].forEach((entry) => entry.close()),
  };
}
