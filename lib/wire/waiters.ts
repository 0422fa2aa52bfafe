import { noop } from 'rxjs';
import type { Receipt } from '../message/receipt.js';

interface Waiter {
  readonly isLast: (receipt: Receipt) => boolean;
  readonly promise: Promise<Receipt>;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: Error) => void;
}

/** Who waits for what becomes of a message, by its id: one look into a map for each receipt, however many wait. */
export function createWaiters() {
  const waiters = new Map<string, Waiter>();

  return {
    get size() {
      return waiters.size;
    },
    /** @param isAcked Whether the message will be acked; otherwise it is done when it was sent. */
    wait(id: string, isAcked: boolean): Promise<Receipt> {
      const known = waiters.get(id);
      if (known) return known.promise;
      let settle: Pick<Waiter, 'resolve' | 'reject'> | undefined;
      const promise = new Promise<Receipt>((resolve, reject) => (settle = { resolve, reject }));
      // Who does not wait for it has `errors$`: an unhandled rejection would end the process.
      promise.catch(noop);
      const isLast = ({ status }: Receipt): boolean => status === 'acked' || (!isAcked && status === 'sent');
      waiters.set(id, { isLast, promise, ...(settle as unknown as Pick<Waiter, 'resolve' | 'reject'>) });
      return promise;
    },
    settle(receipt: Receipt): void {
      const waiter = waiters.get(receipt.id);
      if (!waiter || !(receipt.error || waiter.isLast(receipt))) return;
      waiters.delete(receipt.id);
      if (receipt.error) waiter.reject(receipt.error);
      else waiter.resolve(receipt);
    },
    /** Nothing becomes of the others any more. */
    close(why: (id: string) => Error): void {
      waiters.forEach(({ reject }, id) => reject(why(id)));
      waiters.clear();
    },
  };
}
