import type { Message } from '../message/types.js';

/** The maximum number of published messages that are remembered until they arrive. */
const MAX_SIZE = 10_000;

export type OwnMessages = ReturnType<typeof createOwnMessages>;

/** Creates the memory of the messages that a channel has published, and must not deliver itself. */
export function createOwnMessages() {
  const ids = new Set<string>();
  return {
    add({ id }: Message): void {
      ids.add(id);
      if (ids.size <= MAX_SIZE) return;
      const [oldest = ''] = ids;
      ids.delete(oldest);
    },
    forget: (id: string): boolean => ids.delete(id),
    /** Returns whether the member itself has published a message that arrives. Forgets it. */
    take: ({ id, source }: Message, member: string | undefined): boolean => ids.size > 0 && source === member && ids.delete(id),
  };
}
