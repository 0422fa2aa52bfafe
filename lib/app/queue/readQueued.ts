import { parseMessage } from '../../message/validate.js';
import type { QueuedMessage } from './queueStore.js';

/** What a store has found at a place, if it is what a queue has stored there. */
export function readQueued(place: number, found: unknown): QueuedMessage | undefined {
  const { message, since } = Object(found) as Partial<Record<keyof QueuedMessage, unknown>>;
  if (typeof since !== 'number') return undefined;
  try {
    return { place, since, message: parseMessage(message) };
  } catch {
    return undefined;
  }
}
