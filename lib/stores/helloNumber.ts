import type { InboxClaim } from './inbox.js';
import type { HelloNumber } from './outboxStore.js';

/** Returns whether a client has sent a hello before another. */
export function isEarlier(one: HelloNumber, other: HelloNumber): boolean {
  return one.epoch < other.epoch || (one.epoch === other.epoch && one.n < other.n);
}

export function isHelloNumber(value: unknown): value is HelloNumber {
  const { epoch, n } = Object(value) as { readonly [K in keyof HelloNumber]?: unknown };
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(n);
}

export function isInboxClaim(value: unknown): value is InboxClaim {
  return isHelloNumber(value) && typeof (value as Partial<InboxClaim>).owner === 'string';
}
