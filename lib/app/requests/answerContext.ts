import type { ReplyContext } from './replyOptions.js';

/** What can be aborted. */
export interface Abortable {
  readonly isOpen: boolean;
  /** Made when somebody asks for its signal: it costs more than all the rest. */
  controller: AbortController | undefined;
}

// Shared by all: an object that has a getter of its own is slow to make.
const lazy = {
  get signal(): AbortSignal {
    const { work } = this as unknown as { readonly work: Abortable };
    work.controller ??= new AbortController();
    if (!work.isOpen) work.controller.abort();
    return work.controller.signal;
  },
};

/** What a handler gets beside its request. */
export function createContext(work: Abortable, progress: (value: unknown) => void): ReplyContext<string> {
  return { __proto__: lazy, work, progress } as unknown as ReplyContext<string>;
}
