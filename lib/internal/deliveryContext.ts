/** The message that a session is delivering. */
export interface DeliveryContext {
  /** Called when all subscribers have received it and none has handled it; false once one has. */
  unhandled: (() => void) | false | undefined;
}

/** The current synchronous delivery. */
export const deliveryContext: { current: DeliveryContext | undefined } = { current: undefined };

/** Marks the message as handled by a subscriber for its type. */
export function noteHandled(): void {
  if (deliveryContext.current) deliveryContext.current.unhandled = false;
}
