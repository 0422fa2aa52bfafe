import { parseMessage } from '../../message/parseMessage.js';
import type { DeadLetter, FailedAttempt, StoredDeadLetter } from './deadLetterStore.js';

/** Returns a stored value as a dead letter; undefined if it is not one. */
export function readDeadLetter(id: number, found: unknown): StoredDeadLetter | undefined {
  const { message, reason, error = reason, attempts, history = [], at } = Object(found) as Partial<Record<keyof DeadLetter, unknown>>;
  const isText = typeof reason === 'string' && typeof error === 'string';
  if (!isText || typeof attempts !== 'number' || typeof at !== 'number' || !Array.isArray(history)) return undefined;
  try {
    return { id, message: parseMessage(message), reason, error, attempts, history: history.filter(isAttempt), at };
  } catch {
    return undefined;
  }
}

function isAttempt(value: unknown): value is FailedAttempt {
  const { reason, error } = Object(value) as Partial<Record<keyof FailedAttempt, unknown>>;
  return typeof reason === 'string' && typeof error === 'string';
}
