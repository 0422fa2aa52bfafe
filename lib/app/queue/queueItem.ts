import type { Message } from '../../message/types.js';
import type { Claim } from '../../session/receive/delivery.js';

/** A message in a queue. */
export interface QueueItem<T extends Message = Message> {
  readonly message: T;
  readonly since: number;
  /** The delivery of the session, which is settled when the item is stored or finished. */
  held: Claim | undefined;
  /** Assigned when the item is written. */
  place: number;
}

/** Settles the delivery, so that the session acks the message. */
export function release(item: QueueItem): void {
  const { held } = item;
  item.held = undefined;
  held?.({});
}
