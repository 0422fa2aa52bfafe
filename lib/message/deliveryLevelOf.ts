import type { Delivery, Message } from './types.js';

/**
 * Returns the delivery guarantee of a message: its own `delivery`, or else that of the wire. A
 * message with `metadata.persistent` is delivered at least once, unless it has a `delivery`.
 *
 * @param wire The delivery guarantee of the wire.
 */
export function deliveryLevelOf({ delivery, metadata }: Message, wire: Delivery): Delivery {
  if (delivery !== undefined) return delivery;
  return wire === 'at-most-once' && metadata?.persistent === true ? 'at-least-once' : wire;
}
