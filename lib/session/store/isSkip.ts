import type { StoredBatch } from './outboxStore.js';

/** Returns whether a batch has numbers without messages. */
export function isSkip({ frame }: StoredBatch): boolean {
  return typeof frame === 'string' && frame.startsWith('["skip",');
}
