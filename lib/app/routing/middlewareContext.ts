import type { Message } from '../../message/types.js';

/** The second argument of a middleware. */
export interface MiddlewareContext {
  /**
   * Data about the message, for the middlewares that the message passes afterwards: an object that
   * all of them share, empty at first. It stays with a message that replaces this one, and is not
   * sent.
   */
  readonly metadata: Record<string, unknown>;
}

/** The data of the messages for which a middleware has used `metadata`. */
const metadataByMessage = /* @__PURE__ */ new WeakMap<Message, Record<string, unknown>>();

/** Finds `metadata` when it is first used: most middlewares do not use it. */
export class MessageContext implements MiddlewareContext {
  readonly #message: Message;

  constructor(message: Message) {
    this.#message = message;
  }

  get metadata(): Record<string, unknown> {
    let metadata = metadataByMessage.get(this.#message);
    if (!metadata) metadataByMessage.set(this.#message, (metadata = {}));
    return metadata;
  }
}

/** Lets a message have the data of the message that it replaces. */
export function keepMetadata(message: Message, replacement: Message): Message {
  const metadata = metadataByMessage.get(message);
  if (metadata) metadataByMessage.set(replacement, metadata);
  return replacement;
}
