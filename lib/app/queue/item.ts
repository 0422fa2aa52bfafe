import type { Message } from '../../message/types.js';
import type { Claim } from '../../session/receive/delivery.js';

/** A message in a queue. */
export interface Item<T extends Message = Message> {
  readonly message: T;
  readonly since: number;
  /** Its session waits to hear of it, until it is stored or done. */
  held: Claim | undefined;
  /** Given when it is written. */
  place: number;
}

/** What its session waits for need not be waited for any more. */
export function release(item: Item): void {
  const { held } = item;
  item.held = undefined;
  held?.({});
}
