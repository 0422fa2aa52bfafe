import type { InboxClaim } from './inbox.js';
import type { HelloNumber } from './outboxStore.js';

/** Returns whether a stored value is the number of a hello. */
export function isHelloNumber(value: unknown): value is HelloNumber {
  const { epoch, n } = Object(value) as { readonly [K in keyof HelloNumber]?: unknown };
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(n);
}

/** Returns whether a stored value is the claim of a session. */
export function isInboxClaim(value: unknown): value is InboxClaim {
  return isHelloNumber(value) && typeof (value as Partial<InboxClaim>).owner === 'string';
}
