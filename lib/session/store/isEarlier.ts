import type { HelloNumber } from './outboxStore.js';

/** Returns whether a client has sent a hello before another. */
export function isEarlier(one: HelloNumber, other: HelloNumber): boolean {
  return one.epoch < other.epoch || (one.epoch === other.epoch && one.n < other.n);
}
