/**
 * The help for developers, with the condition `development` of a bundler. It adds to
 * `development.ts`, which Node has, a check that costs time for each message.
 */
import type { Message } from './types.js';
import { noteSent as noteReply } from './development.js';

export * from './development.js';

/** The maximum number of objects that one message freezes. */
const MAX_OBJECTS = 10_000;

/**
 * A wire sends a message. Freezes the message, with its payload: it is encoded later, and a change
 * would be sent or not, depending on the moment. Code in strict mode that changes it throws.
 */
export function noteSent(message: Pick<Message, 'id' | 'payload'>, wire?: object): void {
  noteReply(message, wire);
  const waiting: unknown[] = [message];
  for (let frozen = 0; frozen < MAX_OBJECTS && waiting.length > 0;) {
    try {
      const value = waiting.pop();
      if (!isPlain(value) || Object.isFrozen(value)) continue;
      frozen++;
      for (const field of Object.values(Object.freeze(value)) as unknown[]) if (typeof field === 'object') waiting.push(field);
    } catch {
      // A proxy, such as a draft of Immer, refuses to be frozen. Or a getter has thrown.
    }
  }
}

/** A class instance may change, and the memory of bytes cannot be frozen. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null) return false;
  // The application continues to change a reactive object of Vue.
  return (value as { readonly __v_raw?: unknown }).__v_raw === undefined;
}
