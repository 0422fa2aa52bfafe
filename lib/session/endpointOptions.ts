import { asapScheduler, type Observable, type SchedulerLike } from 'rxjs';
import type { OverflowPolicy } from '../internal/priorityQueue.js';
import type { Delivery, Message } from '../message/types.js';
import type { RxwireError } from '../errors.js';
import type { Report } from './sessionEvents.js';
import { assertNotNegative, assertPositive, assertWhole } from '../internal/assert.js';
import type { Inbox } from './store/inbox.js';

/** What both sides of a session may choose. */
export interface EndpointOptions {
  /** Names this side, and is the `source` of messages that name none. @default 21 random characters */
  readonly id?: string;
  /** What is promised for messages that do not say it themselves. @default 'at-least-once' */
  readonly delivery?: Delivery;
  /** Bytes a frame may have, in either direction. @default 1 MiB */
  readonly maxFrame?: number;
  /** Messages that the other side may have on its way to us, unacked; 256 of them travel in one frame at most. @default 1_024 */
  readonly window?: number;
  /** Bytes of frames that it may. @default 1 MiB */
  readonly windowBytes?: number;
  /** Messages that may wait to be sent. @default 10_000 */
  readonly maxQueued?: number;
  /** What gives way when that many wait. Each drop is reported. @default 'drop-lowest': the oldest of the lowest priority */
  readonly overflow?: OverflowPolicy;
  /** Bad frames in a row until the connection is given up with close code 4400. @default 3 */
  readonly maxBadFrames?: number;
  /** How long a connection may take until both sides know of each other, in ms; else it is closed with 4408. @default 5_000 */
  readonly helloTimeout?: number;
  /** How long the end may be delayed by what is not acked yet, in ms. @default 10_000 */
  readonly drainTimeout?: number;
  /**
   * How long the ack of a received message may wait for a message of the other direction to travel with, in ms, where the application of this side, which has
   * sent the message, does not wait for the ack: it has no subscriber of `receipts$`, has not called `send`, and most of the window is free. 0: all acks go at
   * once. @default 25
   */
  readonly ackDelay?: number;
  /** Where it is kept how far received messages are processed, and what they bring about. @default nowhere: it ends with the process */
  readonly inbox?: Inbox;
  /** Gets each message that was given up, and why: dropped, expired, in doubt, not storable. */
  readonly onDead?: (message: Message, error: RxwireError) => void;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** When what was sent in one go is put together as a batch. @default asapScheduler: at the end of the microtask */
  readonly microtask?: SchedulerLike;
  /** True from when somebody listens on; until then messages wait, unacked. @default always true */
  readonly listening$?: Observable<boolean>;
  /** Whether anybody wants receipts. @default always true */
  readonly isWatched?: () => boolean;
  /** Told of connections, receipts and failures. */
  readonly report?: Report;
}

/** The default values of the options above, for both sides. */
export const DEFAULTS = {
  delivery: 'at-least-once',
  maxFrame: 1024 * 1024,
  window: 1_024,
  windowBytes: 1024 * 1024,
  maxQueued: 10_000,
  overflow: 'drop-lowest',
  maxBadFrames: 3,
  helloTimeout: 5_000,
  drainTimeout: 10_000,
  ackDelay: 25,
  microtask: asapScheduler,
} as const;

/** @throws {RangeError} When a number is out of range. */
export function checkOptions(owner: string, options: EndpointOptions): void {
  const { maxFrame, window, windowBytes, maxQueued, maxBadFrames, helloTimeout, drainTimeout, ackDelay } = options;
  assertPositive(owner, { maxFrame, maxQueued, maxBadFrames, helloTimeout });
  assertWhole(owner, { window, windowBytes });
  assertNotNegative(owner, { drainTimeout, ackDelay });
}
