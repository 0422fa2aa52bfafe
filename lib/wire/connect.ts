import { nanoid } from 'nanoid';
import { assertAbsent, checkConnect, checkOptions, watchExit } from '../message/development.js';
import { json } from '../codec/json.js';
import { steadyScheduler } from '../message/steadyScheduler.js';
import type { AnyTypes, MessageIn } from '../message/types.js';
import { isOffline, platformSignals } from './session/networkSignals.js';
import { clientSessions } from './session/session.js';
import { overflowTest } from './unseenFailures.js';
import { Wire, type WireSetup } from './wire.js';
import type { Codec } from '../codec/codec.js';
import type { EnvelopeOptions } from './envelope/envelopeOptions.js';
import type { DescribedLink, Frame, Link } from '../io/link.js';
import type { EndpointOptions, SessionOptions } from './session/sessionOptions.js';
import type { ReconnectOptions } from './session/reconnect.js';

type Envelope = Pick<EnvelopeOptions, 'ackTimeout' | 'maxRetries' | 'maxHeld' | 'dedupeTtl' | 'dedupeSize'>;
type Endpoint = Omit<EndpointOptions, 'id' | 'delivery' | 'whenSubscribed' | 'awaitsAcks' | 'awaitsSteps' | 'report' | 'deadLetter'>;

/**
 * The options that `connect` and `listen` have in common. Only the envelope protocol uses
 * `ackTimeout`, `maxRetries`, `maxHeld`, `dedupeTtl` and `dedupeSize`: `listen` uses them for the
 * clients that speak envelopes, and `connect` rejects them with the session protocol.
 */
export interface WireOptions extends Endpoint, Envelope {
  /** @default from 0.5 to 30 s with full jitter, for ever */
  readonly reconnect?: ReconnectOptions;
}

export interface ConnectOptions extends WireOptions, Pick<SessionOptions, 'id' | 'delivery' | 'token' | 'signals$' | 'outbox'> {
  /** The link to the server: `webSocket(url)`, or a link of your own. */
  readonly link: Link<Frame> & DescribedLink;
  /**
   * The codec of the messages; or several codecs in the order of preference: the server uses the
   * first one that it supports.
   * @default json()
   */
  readonly codec?: Codec | readonly Codec[];
  /** The protocol; `envelopeProtocol` is for servers without sessions. @default sessionProtocol */
  readonly protocol?: Protocol;
}

/** Makes a link for messages from a link for frames. A protocol that is not used is not loaded. */
export type Protocol = (options: ConnectOptions & { readonly id: string }) => WireSetup['open'];

/**
 * Opens a wire: a Subject of messages over a link that is opened again whenever it is lost.
 *
 * The wire keeps a message until the server has processed it, and sends it again after each
 * reconnect, in order. The server drops repeats. When the server has forgotten the session, a wire
 * with `at-least-once` sends messages again that may have arrived, and one with `exactly-once`
 * gives them up. With `at-most-once` the wire sends a message once, and expects no ack.
 *
 * An open wire still sends what a page writes in its event `pagehide`: over server-sent events and
 * long polling, a body of at most 16 KiB.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if `link` is no link, `delivery` is no level, or `id` is no
 *   name, if some of several codecs seal and others do not, if `deadLetters` is no store, if a
 *   store that outlives the process has no `durability`, or if an option has no effect with this
 *   `protocol`.
 * @throws {UnsupportedError} At call time, for exactly-once, a token or a sealed codec with
 *   `envelopeProtocol`.
 * @throws {ReconnectGivenUpError} Delivered, when `reconnect.maxRetries` attempts in a row have
 *   failed.
 * @throws {UnauthorizedError} Delivered, when the server does not accept the credentials.
 * @throws {ConnectionLostError} Delivered, when the close code says that reconnecting cannot help.
 * @throws {DrainTimeoutError} Delivered, when messages are left `drainTimeout` ms after `complete`.
 * @throws {UndeliveredError} Delivered at the end, when messages were lost because there was no
 *   room for them, or the server has ended the session first.
 * @throws {StoreError} Delivered, when the outbox cannot be opened, or has another owner.
 * @example
 * import { connect, createMessage, ofType, webSocket } from 'rxwire';
 *
 * const wire = connect({
 *   link: webSocket('ws://127.0.0.1:4870/wire'),
 *   reconnect: { initialInterval: 500 },
 * });
 * wire.next(
 *   createMessage('execution.start', {
 *     executionId: 'e1',
 *     sandboxId: 's1',
 *     data: 'console.log(6 * 7)',
 *   }),
 * );
 * wire.pipe(ofType('execution.output')).subscribe(({ payload }) => console.log(payload.data));
 */
export function connect<Types extends object = AnyTypes>(options: ConnectOptions): Wire<MessageIn<Types>> {
  checkOptions('connect', options);
  const { link, delivery = 'at-least-once', id = nanoid(), scheduler = steadyScheduler(), protocol = sessionProtocol } = options;
  checkConnect(link, delivery, id);

  const wire = new Wire<MessageIn<Types>>({
    id,
    delivery,
    scheduler,
    microtask: options.microtask,
    deadLetters: options.deadLetters ?? options.inbox?.deadLetters,
    outbox: options.outbox,
    signals$: options.signals$ ?? platformSignals(),
    isLoss: overflowTest(options.overflow),
    open: protocol({ ...options, id, scheduler }),
    protocol: () => link.protocol ?? 'custom',
    get isOffline() {
      return isOffline();
    },
    get endpoint() {
      return link.endpoint ?? '';
    },
  });
  watchExit(wire, options.scheduler);
  return wire;
}

/** The protocol of docs/protocol.md: numbered batches, cumulative acks, sessions that resume. */
export const sessionProtocol: Protocol = ({ link, codec = json(), ...options }) => {
  assertAbsent('connect', options, ['ackTimeout', 'maxRetries', 'maxHeld', 'dedupeTtl', 'dedupeSize'], 'envelopeProtocol');
  return (parts, to) => {
    const client = clientSessions(codec, options, parts)(link, to);
    client.start();
    return client;
  };
};
