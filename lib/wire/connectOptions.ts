import type { Observable } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import type { EnvelopeOptions } from '../envelope/envelopeOptions.js';
import type { DescribedLink, Frame, Link } from '../link/link.js';
import type { Delivery } from '../message/types.js';
import type { TokenSource } from '../session/credentials.js';
import type { EndpointOptions } from '../session/endpointOptions.js';
import type { NetworkSignal } from '../session/networkSignals.js';
import type { ReconnectOptions } from '../session/reconnect.js';
import type { OutboxStore } from '../session/store/outboxStore.js';
import type { WireSetup } from './wire.js';

type Envelope = Omit<
  EnvelopeOptions,
  'delivery' | 'reconnect' | 'greeting' | 'onArrival' | 'whenSubscribed' | 'unsendable$' | 'report' | 'keep' | 'signals$'
>;
type Endpoint = Omit<EndpointOptions, 'id' | 'delivery' | 'whenSubscribed' | 'isWatched' | 'followsSteps' | 'report' | 'keep'>;

/**
 * The options that `connect` and `listen` have in common. Only the envelope protocol uses
 * `ackTimeout`, `maxRetries`, `maxHeld`, `dedupeTtl` and `dedupeSize`: `listen` uses them for the
 * clients that speak envelopes, and `connect` rejects them with the session protocol.
 */
export interface WireOptions extends Endpoint, Envelope {
  /** @default from 0.5 to 30 s with full jitter, for ever */
  readonly reconnect?: ReconnectOptions;
}

export interface ConnectOptions extends WireOptions {
  /** The link to the server: `webSocket(url)`, or a link of your own. */
  readonly link: Link<Frame> & DescribedLink;
  /**
   * The codec of the messages; or several codecs in the order of preference: the server uses the
   * first one that it supports.
   * @default json()
   */
  readonly codec?: Codec | readonly Codec[];
  /**
   * The delivery guarantee of messages that do not have one of their own.
   * @default 'at-least-once'
   */
  readonly delivery?: Delivery;
  /**
   * Identifies the wire, and is the `source` of the messages that it sends.
   * @default 21 random
   * characters
   */
  readonly id?: string;
  /**
   * The credentials for the server. They are part of the hello, never of an address. A function is
   * called at each connection, and again before the credentials expire. When it throws, the wire
   * tries again later, unless the error is an `UnauthorizedError`, which ends the wire.
   * @default
   * none
   */
  readonly token?: TokenSource;
  /**
   * The signals of the platform about the page and the network. After a signal the wire checks at
   * once whether the server answers, and does not wait for its next attempt to connect.
   * @default
   * those of the browser; on Node none
   */
  readonly signals$?: Observable<NetworkSignal>;
  /** The outbox, which keeps the messages until they are acked. @default memoryOutbox() */
  readonly outbox?: OutboxStore;
  /**
   * The protocol between the two sides; `envelopeProtocol` is for servers without sessions.
   * @default sessionProtocol
   */
  readonly protocol?: Protocol;
}

/** Makes a link for messages from a link for frames. A protocol that is not used is not loaded. */
export type Protocol = (options: ConnectOptions & { readonly id: string }) => WireSetup['open'];
