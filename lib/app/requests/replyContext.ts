import type { ReplyContext } from './replyOptions.js';

/** Work that can be aborted. */
export interface Abortable {
  readonly isOpen: boolean;
  /** Created on first access of `signal`: it is the most expensive part of a request. */
  controller: AbortController | undefined;
}

// A shared prototype: objects with a getter of their own are slow to create.
const prototype = {
  get signal(): AbortSignal {
    const { work } = this as unknown as { readonly work: Abortable };
    work.controller ??= new AbortController();
    if (!work.isOpen) work.controller.abort();
    return work.controller.signal;
  },
};

/** Returns the second argument of a handler. */
export function createReplyContext(work: Abortable, progress: (value: unknown) => void): ReplyContext<string> {
  return { __proto__: prototype, work, progress } as unknown as ReplyContext<string>;
}
