import { firstValueFrom, race, timer } from 'rxjs';
import { StoreError } from '../errors.js';
import type { NatsContext } from './natsContext.js';
import { failed, isRefusal } from './natsFaults.js';

export type RetryContext = Pick<NatsContext, 'connection' | 'timeout' | 'scheduler' | 'isConnected' | 'reconnected$'>;

/** The timeout of an attempt that is told its timeout, in ms. */
const LONGEST_ATTEMPT = 2_000;
/** The pause between two attempts, in ms, and the longest one while there is no connection. */
const PAUSE = 50;
const OFFLINE_PAUSE = 250;
/** How often a compare-and-set is tried. */
const ATTEMPTS = 16;

/**
 * Repeats a request after each temporary failure until it succeeds: while NATS is unreachable, or
 * elects a leader. The request must be one that may be repeated.
 *
 * @param request Called with the timeout of the attempt, in ms.
 * @param until The end of the last attempt, as a time of the scheduler.
 * @throws {StoreError} Delivered: `failed` after the timeout, if NATS has rejected the request
 *   finally, or the connection is closed. A StoreError of the request is delivered unchanged.
 */
export async function retrying<T>(
  context: RetryContext,
  request: (timeout: number) => Promise<T>,
  until = context.scheduler.now() + context.timeout,
): Promise<T> {
  for (;;) {
    try {
      return await request(Math.max(1, Math.min(LONGEST_ATTEMPT, until - context.scheduler.now())));
    } catch (error) {
      await pauseAfter(error, until, context);
    }
  }
}

/**
 * Waits before another attempt after a failure. The wait ends when the connection is back.
 * @throws {StoreError} Delivered, if there is none to be made.
 */
export async function pauseAfter(error: unknown, until: number, context: RetryContext): Promise<void> {
  const { connection, scheduler, isConnected, reconnected$ } = context;
  const left = until - scheduler.now();
  if (error instanceof StoreError || isRefusal(error) || connection.isClosed() || left <= 0) throw failed(error);
  const pause = Math.min(isConnected() ? PAUSE : OFFLINE_PAUSE, left);
  await firstValueFrom(race(timer(pause, scheduler), reconnected$), { defaultValue: undefined });
}

/**
 * Repeats a compare-and-set until no other writer was faster. Each time, one of the writers has
 * succeeded.
 *
 * @param attempt Resolves with `undefined` if another writer was faster.
 * @throws {StoreError} Delivered: `failed`, with the text, after 16 attempts.
 */
export async function untilStored<T>(failure: string, attempt: (count: number) => Promise<T | undefined>): Promise<T> {
  for (let count = 0; count < ATTEMPTS; count++) {
    const stored = await attempt(count);
    if (stored !== undefined) return stored;
  }
  throw new StoreError('nats', 'failed', new Error(failure));
}
