import type { Message } from '../../message/types.js';
import type { Rejection } from '../../session/store/inbox.js';
import type { Claim } from '../../session/receive/delivery.js';

/** A message in a queue. */
export interface QueueItem<T extends Message = Message> {
  readonly message: T;
  /** When the message was added, in ms since the epoch: for the store. */
  readonly since: number;
  /** When its age began, by the clock of the scheduler. */
  readonly start: number;
  /** The delivery of the session, which is settled when the item is stored or finished. */
  held: Claim | undefined;
  /** Assigned when the item is written. */
  place: number;
}

/**
 * Settles the delivery, so that the session acks the message. A rejection reports to the sender
 * that it was not processed.
 */
export function release(item: QueueItem, rejection?: Rejection): void {
  const { held } = item;
  item.held = undefined;
  held?.end({ rejection });
}
