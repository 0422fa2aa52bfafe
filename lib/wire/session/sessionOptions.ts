import type { SchedulerLike, Observable } from 'rxjs';
import type { ReceiptInterest } from '../../core/receiptInterest.js';
import type { OverflowPolicy } from '../../operators/buffers/priorityQueue.js';
import type { Delivery, Message } from '../../message/types.js';
import type { RxwireError } from '../../message/errors.js';
import type { Report } from './sessionEvents.js';
import { anything, notNegative, type OptionTable, positive, type ReadOptions, whole } from '../../message/options/readOptions.js';
import type { SessionCapabilities } from './messageClaim.js';
import type { DeadLetterStore } from '../../stores/deadLetterStore.js';
import type { Inbox } from '../../stores/inbox.js';
import type { CoreOptions } from '../../core/coreTypes.js';
import type { TokenSource } from './tokenRenewal.js';
import type { NetworkSignal } from './networkSignals.js';
import type { ReconnectOptions } from './reconnect.js';
import type { OutboxStore } from '../../stores/outboxStore.js';
import { PING_INTERVAL } from '../../core/keepalive.js';

export { checkCodecs, checkDeadLetters } from '../../message/development.js';

/** The options of both sides of a session. By default, the application waits for all receipts. */
export interface EndpointOptions extends Partial<ReceiptInterest> {
  /** The id of this side, and the default `source` of messages. @default 21 random characters */
  readonly id?: string;
  /** The delivery guarantee of messages without their own. @default 'at-least-once' */
  readonly delivery?: Delivery;
  /** The maximum size of a frame in bytes, in both directions. @default 1 MiB */
  readonly maxFrame?: number;
  /** The maximum number of unacked messages from the other side; 256 in a frame. @default 1_024 */
  readonly window?: number;
  /** The maximum size of the frames of these messages, in bytes. @default 1 MiB */
  readonly windowBytes?: number;
  /** The maximum number of messages that wait to be sent. @default 10_000 */
  readonly maxQueued?: number;
  /**
   * The message to drop when more than `maxQueued` would wait. Each drop is reported.
   * @default 'drop-lowest': the oldest of the lowest priority
   */
  readonly overflow?: OverflowPolicy;
  /**
   * How often an undecodable batch is received before it is set aside as a dead letter. Also the
   * number of undecodable frames without numbers, or that a sealing codec cannot open, in a row
   * that closes the connection with 4400.
   * @default 3
   */
  readonly maxBadFrames?: number;
  /** The maximum duration of the handshake, in ms; then it is closed with 4408. @default 5_000 */
  readonly handshakeTimeout?: number;
  /** How long the end of the session may wait for acks, in ms. @default 10_000 */
  readonly drainTimeout?: number;
  /**
   * How long the other side may delay the ack of a message of this side, to send it with a message
   * of its own, in ms. This applies while the application does not wait for the ack: it has no
   * subscriber of `receipts$`, has not called `send`, and most of the window is free. 0: all acks
   * are sent at once.
   * @default 25
   */
  readonly ackDelay?: number;
  /**
   * The store of the processing state of received messages, and of their effects.
   * @default none: the state is lost when the process ends
   */
  readonly inbox?: Inbox;
  /**
   * The store of the messages that could not be processed.
   * @default that of the inbox, which stores a letter in the transaction that moves the cursor;
   * without an inbox `memoryDeadLetters()`: the latest 1,000, in memory
   */
  readonly deadLetters?: DeadLetterStore;
  /** Stores a letter in `deadLetters`. @default the session stores no letters */
  readonly deadLetter?: SessionCapabilities['deadLetter'];
  /**
   * Called with each message that was given up: dropped, expired, in doubt, or not storable. An
   * exception is reported in `errors$`.
   */
  readonly onDead?: (message: Message, error: RxwireError) => void;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
  /** Schedules the batching of one run. @default asapScheduler: at the end of the microtask */
  readonly microtask?: SchedulerLike;
  /** Calls back when the application has subscribed: messages wait until then. @default at once */
  readonly whenSubscribed?: (callback: () => void) => void;
  /** Called with events of connections, receipts and failures. */
  readonly report?: Report;
}

/** The rules and defaults of the options above that both sides have. */
export const ENDPOINT_OPTIONS = {
  maxFrame: [positive, 1024 * 1024],
  window: [whole, 1_024],
  windowBytes: [whole, 1024 * 1024],
  maxQueued: [positive, 10_000],
  overflow: [anything, 'drop-lowest'],
  maxBadFrames: [positive, 3],
  handshakeTimeout: [positive, 5_000],
  drainTimeout: [notNegative, 10_000],
  ackDelay: [notNegative, 25],
  inbox: [anything],
  deadLetters: [anything],
  onDead: [anything],
  scheduler: [anything],
  microtask: [anything],
} as const satisfies OptionTable<
  Omit<EndpointOptions, 'id' | 'delivery' | 'whenSubscribed' | 'awaitsAcks' | 'awaitsSteps' | 'report' | 'deadLetter'>
>;

export type FullEndpointOptions = EndpointOptions &
  ReadOptions<EndpointOptions, typeof ENDPOINT_OPTIONS> & { readonly scheduler: SchedulerLike };

/** Returns the options of a core that are those of an endpoint. */
export function sessionDefaults(options: FullEndpointOptions): Omit<CoreOptions, 'id' | 'codecs' | 'secret'> {
  const { delivery = 'at-least-once', window, maxFrame, maxQueued, overflow, maxBadFrames, ackDelay } = options;
  return {
    delivery,
    window,
    bytes: options.windowBytes,
    maxFrame,
    maxQueued,
    overflow,
    maxBadFrames,
    handshakeTimeout: options.handshakeTimeout,
    pingInterval: PING_INTERVAL,
    ackDelayOf: () => ackDelay,
  };
}

export interface SessionOptions extends EndpointOptions {
  /** @default from 0.5 to 30 s with full jitter, for ever */
  readonly reconnect?: ReconnectOptions;
  /**
   * The credentials for the server. They are part of the hello, never of an address. A function is
   * called at each connection, and again before the credentials expire. When it throws, the wire
   * tries again later, unless the error is an `UnauthorizedError`, which ends the wire.
   * @default none
   */
  readonly token?: TokenSource;
  /**
   * The signals of the platform about the page and the network. After a signal the wire checks at
   * once whether the server answers, and does not wait for its next attempt to connect. The wire
   * subscribes once. If the Observable fails, the wire continues without signals, and `errors$`
   * reports a `CallbackError`.
   * @default those of the browser; on Node none
   */
  readonly signals$?: Observable<NetworkSignal>;
  /** The outbox, which keeps the messages until they are acked. @default memoryOutbox() */
  readonly outbox?: OutboxStore;
}
