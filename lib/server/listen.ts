import type { Server } from 'node:http';
import { asyncScheduler, defer, finalize, map, merge, mergeMap, NEVER, type Observable } from 'rxjs';
import { WebSocketServer } from 'ws';
import type { Codec } from '../codec/codec.js';
import { json } from '../codec/json.js';
import { msgpack } from '../codec/msgpack.js';
import { DecodeError, RxwireError } from '../errors.js';
import { assertNotNegative, assertPositive } from '../internal/assert.js';
import { CloseCode } from '../link/closeCode.js';
import { socketLink } from '../link/socket.js';
import { envelopes } from '../session/envelope/envelopes.js';
import type { WireOptions } from '../wire/connect.js';
import type { Wire } from '../wire/wire.js';
import { attachment, type Attachment } from './attachment.js';
import { accept, upgrades } from './upgrade.js';
import { createWires } from './wires.js';

export interface ListenOptions extends Omit<WireOptions, 'reconnect'> {
  /** The path that clients ask for. @default '/wire' */
  readonly path?: string;
  /** Pages of other hosts that may connect, as `https://app.example`. @default only pages of this host, and clients that are no browsers */
  readonly origins?: readonly string[];
  /** The codecs that clients may use: one for text frames, one for bytes. @default [json(), msgpack()] */
  readonly codecs?: readonly Codec[];
  /** How long the first frame of a connection may take, in ms. @default 5_000 */
  readonly helloTimeout?: number;
  /** How long a wire waits for its client to come back, in ms. @default 120_000 */
  readonly detachedTimeout?: number;
  /** Wires that may wait so at once; past that the longest waiting ends. @default 1_000 */
  readonly maxDetached?: number;
  /** Bytes that may wait for a slow client for longer than `stallTimeout`. @default 16 MiB */
  readonly maxBuffered?: number;
  /** How long more than that may wait, in ms; if something is sent to it then, its connection ends with 4413. @default 10_000 */
  readonly stallTimeout?: number;
  /** Told of connections that ended before they became a wire. */
  readonly onRefused?: (error: RxwireError) => void;
}

/**
 * Serves wires on an HTTP server: emits one for each client. A client that loses its connection and comes back in time
 * finds its wire as it was; what the application sent meanwhile is delivered then. A wire completes when its client says
 * goodbye, or does not come back.
 *
 * Unsubscribing ends all wires, with close code 1001, and leaves the HTTP server as it is.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * listen(httpServer, { path: '/wire' }).subscribe((wire) => {
 *   wire.pipe(ofType('system.ping')).subscribe(({ id }) => wire.next(createMessage('system.pong', { timestamp: 0 }, { correlationId: id })));
 * });
 */
export function listen(server: Server, options: ListenOptions = {}): Observable<Wire> {
  const { path = '/wire', origins = [], codecs = [json(), msgpack()], maxFrame = 1024 * 1024, onRefused } = options;
  const { helloTimeout = 5_000, detachedTimeout = 120_000, maxDetached = 1_000, scheduler = asyncScheduler } = options;
  assertPositive('listen', {
    helloTimeout,
    detachedTimeout,
    maxFrame,
    maxBuffered: options.maxBuffered,
    stallTimeout: options.stallTimeout,
  });
  assertNotNegative('listen', { maxDetached });
  // Called for its checks: each wire calls it again, too late for whoever made a mistake.
  envelopes(options);

  return defer(() => {
    const sockets = new WebSocketServer({ noServer: true, maxPayload: maxFrame, perMessageDeflate: false });
    const wires = createWires({ ...options, codecs, maxFrame, detachedTimeout, maxDetached, scheduler, endpoint: path });
    const refused = (error: unknown): void =>
      onRefused?.(error instanceof RxwireError ? error : new DecodeError('hello', 'not readable', error));

    const admit = (arrived: Attachment): Wire[] => {
      try {
        const wire = wires.admit(arrived);
        return wire ? [wire] : [];
      } catch (error) {
        arrived.close(CloseCode.BAD_FRAMES, 'no hello that this server understands');
        refused(error);
        return [];
      }
    };
    const wires$ = upgrades(server, { path, origins }).pipe(
      accept(sockets, { path, origins }),
      map((socket) => socketLink(() => socket, options)),
      mergeMap((link) => attachment(link, { helloTimeout, scheduler, onRefused: refused })),
      mergeMap(admit),
    );
    // Left first, so that the wires can still say goodbye.
    return merge(NEVER.pipe(finalize(wires.close)), wires$);
  });
}
