import { parseMessage } from '../../message/parseMessage.js';
import type { QueuedMessage } from './queueStore.js';

/** Returns a stored value as a message of a queue; undefined if it is not one. */
export function readQueuedMessage(place: number, found: unknown): QueuedMessage | undefined {
  const { message, since } = Object(found) as Partial<Record<keyof QueuedMessage, unknown>>;
  if (typeof since !== 'number') return undefined;
  try {
    return { place, since, message: parseMessage(message) };
  } catch {
    return undefined;
  }
}
