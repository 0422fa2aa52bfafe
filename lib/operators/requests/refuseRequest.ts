import { take, type Subscription } from 'rxjs';
import type { Message } from '../../message/types.js';
import { isInternal } from '../../wire/internalSubscriptions.js';
import { type DeliveringWire, sessionDelivering, whenUnhandled } from '../../wire/session/messageClaim.js';
import { matcher } from '../routing/routeTable.js';
import type { SubscribedPatterns } from '../subscribing/deliveryContext.js';

/** The requests that are refused already, if no subscriber handles them. */
const refused = /* @__PURE__ */ new WeakSet<Message>();

/**
 * Calls `refuse` for a request that is being delivered, unless a part of the program may answer it:
 * a subscriber that handles its type, or one that receives the messages of all types.
 */
export function whenUnanswered(message: Message, refuse: (wire: DeliveringWire) => void): void {
  if (refused.has(message)) return;
  refused.add(message);
  const { wire, patterns } = sessionDelivering(message)?.user?.subscribers ?? {};
  if (!wire || wire.observers.some((observer) => !patterns?.has(observer as Subscription) && !isInternal(observer))) return;
  const refuseUnlessSelected = (): void => {
    // A subscriber behind a delay has not received the request yet.
    if (![...(patterns?.values() ?? [])].some((patterns$) => isSelected(message, patterns$))) refuse(wire);
  };
  if (wire.observers.length > 0) whenUnhandled(message, refuseUnlessSelected);
  else refuse(wire);
}

/** Returns whether one of the present patterns matches the type of a message. */
function isSelected({ type }: Message, patterns$: SubscribedPatterns): boolean {
  let is = false;
  patterns$.pipe(take(1)).subscribe((patterns) => (is = patterns.some((pattern) => matcher('reply', pattern)(type))));
  return is;
}
