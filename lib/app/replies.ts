import type { Message } from '../message/types.js';
import type { ReplyType } from './answerTypes.js';

/** Says something about a request; `number` is how many replies came before. */
export type Say = (request: Message, type: ReplyType, payload: unknown, number?: number) => void;

/** The replies to one request, numbered. */
export interface Replies {
  readonly add: (value: unknown) => void;
  /** Sends what is kept back, and keeps nothing back any more, or every value until the next. */
  settle(isKeeping: boolean): void;
  /** There are no more. */
  readonly complete: () => void;
  /** Nobody wants them any more. */
  drop(): void;
}

/**
 * Where the completion follows at once, the last reply says that it is the last: one message instead of two. So values are kept back, at first, until
 * it is known what comes next.
 */
export function createReplies(request: Message, say: Say): Replies {
  let count = 0;
  let kept: { readonly value: unknown } | undefined;
  let isKeeping = true;
  let isWanted = true;

  const take = (): typeof kept => {
    const taken = kept;
    kept = undefined;
    return taken;
  };
  const flush = (): void => {
    const earlier = take();
    if (earlier) say(request, 'reply', earlier.value, count++);
  };
  return {
    add(value) {
      flush();
      if (isWanted) kept = { value };
      if (!isKeeping) flush();
    },
    settle(is) {
      isKeeping = is;
      if (!is) flush();
    },
    complete() {
      const last = take();
      // A single reply needs no number.
      if (last) say(request, 'reply.last', last.value, count || undefined);
      else say(request, 'reply.complete', null, count);
    },
    drop() {
      isWanted = false;
      kept = undefined;
    },
  };
}
