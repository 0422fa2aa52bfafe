import type { Observable, SchedulerLike } from 'rxjs';
import type { Receipt } from '../message/receipt.js';
import type { Delivery, Message } from '../message/types.js';
import type { NetworkSignal } from '../session/networkSignals.js';
import type { ReconnectOptions } from '../session/reconnect.js';
import type { SessionTerms } from '../session/receive/delivery.js';
import type { Report } from '../session/sessionEvents.js';

export interface EnvelopeOptions {
  /** @default 'at-least-once' */
  readonly delivery?: Exclude<Delivery, 'exactly-once'>;
  /** @default from 0.5 to 30 s with full jitter, for ever */
  readonly reconnect?: ReconnectOptions;
  /**
   * The signals of the platform about the page and the network.
   * @default those of the browser; on
   * Node none
   */
  readonly signals$?: Observable<NetworkSignal>;
  /**
   * How long a message waits for its ack before it is sent again, in ms; doubled each time.
   * @default 5_000
   */
  readonly ackTimeout?: number;
  /**
   * How often a message is sent again over one connection; after that the message is dead.
   * @default
   * 5
   */
  readonly maxRetries?: number;
  /** Messages in flight at most. @default 1_024 */
  readonly window?: number;
  /**
   * Messages that may wait to be sent. Past that the oldest message of the lowest priority is
   * dropped and reported.
   * @default 10_000
   */
  readonly maxQueued?: number;
  /** Messages that may wait for the first subscriber. @default 1_024 */
  readonly maxHeld?: number;
  /** How long the receiver remembers the id of a message, in ms. @default 300_000 */
  readonly dedupeTtl?: number;
  /** How many ids the receiver remembers. @default 10_000 */
  readonly dedupeSize?: number;
  /** How long messages that are not acked may delay the end, in ms. @default 10_000 */
  readonly drainTimeout?: number;
  /** Returns the first message of each connection. @default none */
  readonly greeting?: () => Message;
  /**
   * Called with each message for the application when it arrives, and again when it is repeated.
   * @default does nothing
   */
  readonly onArrival?: (message: Message) => void;
  /**
   * Calls back once, when the application has subscribed: until then received messages wait,
   * unacked.
   * @default calls back at once
   */
  readonly whenSubscribed?: (callback: () => void) => void;
  /** Receipts of messages that the layer below could not encode. @default none */
  readonly unsendable$?: Observable<Receipt>;
  /** The source of the time. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
  /** Called with connections, receipts and failures. */
  readonly report?: Report;
  /** Stores a message that could not be processed. @default such messages are only reported */
  readonly keep?: SessionTerms['keep'];
}

/**
 * The default values of the options above. Those that sessions have as well are in `DEFAULTS` of
 * lib/session/endpointOptions.ts.
 */
export const ENVELOPE_DEFAULTS = { ackTimeout: 5_000, maxRetries: 5, maxHeld: 1_024, dedupeTtl: 300_000, dedupeSize: 10_000 } as const;
