import type { Subscription } from 'rxjs';
import type { Message } from '../../message/types.js';
import { isInternal } from '../../wire/internalSubscriptions.js';
import { type DeliveringWire, sessionDelivering, whenUnhandled } from '../../wire/session/messageClaim.js';

/** The requests that are refused already, if no subscriber handles them. */
const refused = /* @__PURE__ */ new WeakSet<Message>();

/**
 * Calls `refuse` for a request that is being delivered, unless a part of the program may answer it:
 * a subscriber that handles its type, or one that receives the messages of all types.
 */
export function whenUnanswered(message: Message, refuse: (wire: DeliveringWire) => void): void {
  if (!message.metadata?.request || refused.has(message)) return;
  refused.add(message);
  const { wire, patterns } = sessionDelivering(message)?.user?.subscribers ?? {};
  if (!wire || wire.observers.some((observer) => !patterns?.has(observer as Subscription) && !isInternal(observer))) return;
  if (wire.observers.length > 0) whenUnhandled(message, () => refuse(wire));
  else refuse(wire);
}
