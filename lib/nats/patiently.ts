import { firstValueFrom, timer } from 'rxjs';
import { StoreError } from '../errors.js';
import { isRefusal } from './natsFaults.js';
import type { NodeContext } from './nodeContext.js';

/**
 * The timeout of one attempt, in ms: a request that a dying leader has swallowed is sent again
 * after this time.
 */
export const ATTEMPT = 2_000;
/** The pause after a failed attempt, in ms. */
const PAUSE = 50;

export type PatienceParts = Pick<NodeContext, 'connection' | 'timeout' | 'scheduler'>;

/**
 * Repeats a request until it succeeds: a cluster of NATS answers nothing for some seconds when a
 * leader has died. The request must be one that may be repeated.
 *
 * @param request Called with the timeout of the attempt, in ms.
 * @throws {StoreError} Delivered: `failed` after the timeout, if NATS has rejected the request
 *   finally, or the connection is closed. A StoreError of the request is delivered unchanged.
 */
export async function patiently<T>(parts: PatienceParts, request: (timeout: number) => Promise<T>): Promise<T> {
  const { connection, timeout, scheduler } = parts;
  const until = scheduler.now() + timeout;
  for (;;) {
    try {
      return await request(Math.max(1, Math.min(ATTEMPT, until - scheduler.now())));
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const isLate = scheduler.now() + PAUSE >= until;
      if (isLate || connection.isClosed() || isRefusal(error)) throw new StoreError('nats', 'failed', error);
      await firstValueFrom(timer(PAUSE, scheduler));
    }
  }
}
