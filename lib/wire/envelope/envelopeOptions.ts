import { noop, type Observable } from 'rxjs';
import { notNegative, positive, readOptions } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { Receipt } from '../../message/receipt.js';
import type { Delivery, Message } from '../../message/types.js';
import { ENDPOINT_OPTIONS, type SessionOptions } from '../session/sessionOptions.js';

export interface EnvelopeOptions extends Pick<
  SessionOptions,
  'reconnect' | 'signals$' | 'maxQueued' | 'drainTimeout' | 'whenSubscribed' | 'scheduler' | 'report' | 'deadLetter'
> {
  /** @default 'at-least-once' */
  readonly delivery?: Exclude<Delivery, 'exactly-once'>;
  /**
   * How long a message waits for its ack before it is sent again, in ms; doubled each time.
   * `ackWithin` has its own timeout, and does the same for messages that no wire repeats.
   * @default 5_000
   */
  readonly ackTimeout?: number;
  /** How often one connection sends a message again, before the message is dead. @default 5 */
  readonly maxRetries?: number;
  /** Messages in flight at most. @default 1_024 */
  readonly window?: number;
  /** Messages that may wait for the first subscriber. @default 1_024 */
  readonly maxHeld?: number;
  /** How long the receiver remembers the id of a message, in ms. @default 300_000 */
  readonly dedupeTtl?: number;
  /** How many ids the receiver remembers. @default 10_000 */
  readonly dedupeSize?: number;
  /** Returns the first message of each connection. @default none */
  readonly firstMessage?: () => Message;
  /** Called with each message that arrives, also when it is repeated. @default does nothing */
  readonly onArrival?: (message: Message) => void;
  /** Receipts of messages that the layer below could not encode. @default none */
  readonly unsendable$?: Observable<Receipt>;
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

export type FullEnvelopeOptions = ReturnType<typeof readEnvelopeOptions>;
