import { noop, type Observable, type SchedulerLike } from 'rxjs';
import { notNegative, positive, readOptions } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { Receipt } from '../../message/receipt.js';
import type { Delivery, Message } from '../../message/types.js';
import { ENDPOINT_OPTIONS } from '../session/sessionOptions.js';
import type { NetworkSignal } from '../session/networkSignals.js';
import type { ReconnectOptions } from '../session/reconnect.js';
import type { SessionCapabilities } from '../session/messageClaim.js';
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
   * `ackWithin` has its own timeout, and does the same for messages that no wire repeats.
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
  readonly firstMessage?: () => Message;
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
  readonly deadLetter?: SessionCapabilities['deadLetter'];
}

/** The rules and defaults of the options above that sessions have not. */
export const ENVELOPE_OPTIONS = {
  ackTimeout: [positive, 5_000],
  maxRetries: [notNegative, 5],
  maxHeld: [positive, 1_024],
  dedupeTtl: [positive, 300_000],
  dedupeSize: [positive, 10_000],
} as const;

/** Returns the options with their defaults. @throws {RangeError} When a number is out of range. */
export function readEnvelopeOptions(options: EnvelopeOptions) {
  const { scheduler = steadyScheduler(), report = noop } = options;
  const { window, maxQueued, drainTimeout } = ENDPOINT_OPTIONS;
  const table = { ...ENVELOPE_OPTIONS, window: [positive, window[1]], maxQueued, drainTimeout } as const;
  return { ...options, ...readOptions('envelopes', options, table), scheduler, report };
}

/** All options, with their defaults. */
export type FullEnvelopeOptions = ReturnType<typeof readEnvelopeOptions>;
