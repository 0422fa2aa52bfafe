import type { Observable, SchedulerLike } from 'rxjs';
import type { Receipt } from '../../message/receipt.js';
import type { Delivery, Message } from '../../message/types.js';
import type { Report } from '../sessionEvents.js';
import type { NetworkSignal } from '../networkSignals.js';
import type { ReconnectOptions } from '../reconnect.js';

export interface EnvelopeOptions {
  /** @default 'at-least-once' */
  readonly delivery?: Exclude<Delivery, 'exactly-once'>;
  /** @default from 0.5 to 30 s with full jitter, for ever */
  readonly reconnect?: ReconnectOptions;
  /** What the platform says of the page and of the network. @default what the browser does; on Node nothing */
  readonly signals$?: Observable<NetworkSignal>;
  /** How long a message waits for its ack before it is sent again, in ms; doubled each time. @default 5_000 */
  readonly ackTimeout?: number;
  /** How often it is sent again over one connection; then it is dead. @default 5 */
  readonly maxRetries?: number;
  /** Messages in flight at most. @default 1_024 */
  readonly window?: number;
  /** Messages that may wait to be sent; past that the oldest of the lowest priority is dropped, and reported. @default 10_000 */
  readonly maxQueued?: number;
  /** Messages that may wait for the first subscriber. @default 1_024 */
  readonly maxHeld?: number;
  /** How long the id of a received message is remembered, in ms. @default 300_000 */
  readonly dedupeTtl?: number;
  /** How many ids are remembered. @default 10_000 */
  readonly dedupeSize?: number;
  /** How long the end may be delayed by what is not acked yet, in ms. @default 10_000 */
  readonly drainTimeout?: number;
  /** The first message on each connection. @default none */
  readonly greeting?: () => Message;
  /** True from when somebody listens on; until then messages wait, unacked. @default always true */
  readonly listening$?: Observable<boolean>;
  /** Receipts of messages that the layer below could not encode. @default none */
  readonly unsendable$?: Observable<Receipt>;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** Told of connections, receipts and failures. */
  readonly report?: Report;
}
