import { asyncScheduler, defer, EMPTY, finalize, merge, mergeMap, NEVER, of, type Observable } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { json } from '../codec/json.js';
import { msgpack } from '../codec/msgpack.js';
import { DecodeError, RxwireError } from '../errors.js';
import { assertNotNegative, assertPositive, assertWhole } from '../internal/assert.js';
import { CloseCode } from '../link/closeCode.js';
import type { Frame, Link } from '../link/link.js';
import { checkOptions } from '../session/checkOptions.js';
import { envelopes } from '../session/envelope/envelopes.js';
import type { OutboxStore } from '../session/store/outboxStore.js';
import type { Wire } from '../wire/wire.js';
import type { WireOptions } from '../wire/wireOptions.js';
import { attachment, type Attachment } from './attachment.js';
import { createEnvelopeWires } from './envelopeWires.js';
import { createMooring } from './mooring.js';
import { createSessionWires, isSessionFrame } from './session/sessionWires.js';

export interface ServeOptions extends Omit<WireOptions, 'reconnect'> {
  /** The codecs that clients may use. @default [json(), msgpack()] */
  readonly codecs?: readonly Codec[];
  /** How long a wire waits for its client to come back, in ms. @default 120_000 */
  readonly detachedTimeout?: number;
  /** Wires that may wait so at once; past that the longest waiting ends. @default 1_000 */
  readonly maxDetached?: number;
  /** How often each side of a session must be heard, in ms: who is not for 2.5 times that is taken for gone. @default 15_000 */
  readonly pingInterval?: number;
  /**
   * Where what is sent to a client is kept until it is acked, by the name of the client. What outlives a restart is of use only together
   * with an `inbox`. @default memoryOutbox()
   */
  readonly outbox?: (pid: string) => OutboxStore;
  /** Told of connections that ended before they became a wire. */
  readonly onRefused?: (error: RxwireError) => void;
}

/**
 * Serves wires over links of any kind, one for each connection: emits a wire for each client. `listen` is this over the WebSockets of an
 * HTTP server.
 *
 * @param links$ Each is subscribed once. Its protocol and endpoint are what `options` say of it.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * const [near, far] = memoryLink<Frame>();
 * serve(of(far)).subscribe((wire) => wire.subscribe(({ payload }) => console.log(payload))); // prints: hello
 * connect({ link: near }).next(createMessage('chat.said', 'hello'));
 */
export function serve(links$: Observable<Link<Frame>>, options: ServeOptions & { readonly endpoint?: string } = {}): Observable<Wire> {
  checkServeOptions('serve', options);
  const { helloTimeout = 5_000, scheduler = asyncScheduler, onRefused } = options;

  return defer(() => {
    const refused = (error: unknown): void =>
      onRefused?.(error instanceof RxwireError ? error : new DecodeError('hello', 'not readable', error));
    const host = createHost(options, refused);
    const wires$ = links$.pipe(
      mergeMap((link) => attachment(link, { helloTimeout, scheduler, onRefused: refused })),
      mergeMap((arrived) => host.admit(arrived)),
    );
    // Left first, so that the wires can still say goodbye.
    return merge(NEVER.pipe(finalize(() => host.close())), wires$);
  });
}

/** @throws {RangeError} When a number is out of range. */
export function checkServeOptions(owner: string, options: ServeOptions): void {
  const { helloTimeout, detachedTimeout, pingInterval, maxDetached } = options;
  assertPositive(owner, { helloTimeout, detachedTimeout });
  assertWhole(owner, { pingInterval });
  assertNotNegative(owner, { maxDetached });
  checkOptions(owner, options);
  // Called for its checks: each wire calls it again, too late for whoever made a mistake.
  envelopes(options);
}

/** Makes wires of connections, each by the protocol that its first frame speaks. */
function createHost(options: ServeOptions & { readonly endpoint?: string }, refused: (error: unknown) => void) {
  const { detachedTimeout = 120_000, maxDetached = 1_000, pingInterval = 15_000, scheduler = asyncScheduler } = options;
  const { codecs = [json(), msgpack()], endpoint = '' } = options;
  const mooring = createMooring(maxDetached, scheduler);
  const settings = { ...options, codecs, detachedTimeout, pingInterval, scheduler, endpoint, mooring };
  const sessions = createSessionWires({ ...settings, onRefused: refused });
  const wires = createEnvelopeWires(settings);

  const open = (arrived: Attachment): Observable<Wire> => {
    if (isSessionFrame(arrived.first)) return sessions.admit(arrived);
    const wire = wires.admit(arrived);
    return wire ? of(wire) : EMPTY;
  };
  return {
    admit(arrived: Attachment): Observable<Wire> {
      try {
        return open(arrived);
      } catch (error) {
        arrived.close(CloseCode.BAD_FRAMES, 'no hello that this server understands');
        refused(error);
        return EMPTY;
      }
    },
    close(): void {
      sessions.close();
      wires.close();
    },
  };
}
