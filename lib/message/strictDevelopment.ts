/**
 * What the condition `development` of a bundler adds to `development.ts`, which Node has, too: it
 * costs time for each message.
 */
import { noteSent as noteReply } from './development.js';

export * from './development.js';

/** The maximum number of objects that one message freezes. */
const MAX_OBJECTS = 10_000;

/**
 * A wire sends a message. Freezes the message, with its payload: it is encoded later, and a change
 * would be sent or not, depending on the moment. Code in strict mode that changes it throws.
 */
export function noteSent(message: object): void {
  noteReply(message);
  const waiting: object[] = [message];
  for (let seen = 0; seen < MAX_OBJECTS; seen++) {
    const value = waiting.pop();
    if (value === undefined) return;
    if (Object.isFrozen(value)) continue;
    Object.freeze(value);
    for (const field of Object.values(value) as unknown[]) if (isPlain(field)) waiting.push(field);
  }
}

/** A class instance may change, and the memory of bytes cannot be frozen. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}
