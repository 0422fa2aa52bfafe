import { ReplyError } from '../../message/errors.js';
import { once } from '../../message/once.js';
import { createKeyedCounts } from '../../server/limits/keyedCounts.js';
import type { Principal } from '../../server/principal.js';
import type { Wire } from '../../wire/wire.js';

export interface AnswerLimits {
  readonly maxAnswers: number;
  readonly maxPerPrincipal: number;
  readonly maxPerChat: number;
}

/** Creates the shares of the running answers: of the server, of each client, and of each chat. */
export function createAnswerShares({ maxAnswers, maxPerPrincipal, maxPerChat }: AnswerLimits) {
  const counts = createKeyedCounts();
  return {
    /**
     * Counts an answer. Returns a function that ends the count.
     *
     * @throws {ReplyError} When a share is used up.
     */
    take(wire: Wire, chatId: string): () => void {
      const { principal } = wire as { readonly principal?: Principal | undefined };
      const limits = [
        // An anonymous client is its wire.
        [principal ? `principal ${principal.id}` : `wire ${wire.id}`, maxPerPrincipal, 'you have'],
        [`chat ${chatId}`, maxPerChat, 'this chat has'],
        ['server', maxAnswers, 'the server has'],
      ] as const;
      for (const [key, limit, owner] of limits)
        if (counts.of(key) >= limit)
          throw new ReplyError('ERR_OVERFLOW', `${owner} too many answers at the moment. Wait until one of them ends, or stop one.`);
      const removes = limits.map(([key]) => counts.add(key));
      return once(() => removes.forEach((remove) => remove()));
    },
  };
}
