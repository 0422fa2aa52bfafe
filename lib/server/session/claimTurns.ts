import type { IncomingConnection } from '../accept/incomingConnection.js';
import { createSemaphore } from '../accept/semaphore.js';

/** Limits the claims at once: the writes of other clients wait behind them in the store. */
export function createClaimTurns() {
  const inTurn = createSemaphore(128);
  const waiting = new Set<IncomingConnection>();
  return {
    waiting: waiting as ReadonlySet<IncomingConnection>,
    /**
     * Starts a claim in its turn. Returns the function that ends it.
     *
     * @param left Called instead if the client leaves before.
     */
    add(connection: IncomingConnection, start: () => void, left: () => void): () => void {
      waiting.add(connection);
      const end = inTurn(() => {
        waiting.delete(connection);
        connection.waitFor(undefined);
        start();
      });
      const leave = (): void => {
        waiting.delete(connection);
        end();
        left();
      };
      if (waiting.has(connection)) connection.waitFor({ left: leave });
      return end;
    },
  };
}
