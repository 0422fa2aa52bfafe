import type { Observable, SchedulerLike } from 'rxjs';
import type { Message } from '../../message/types.js';
import { watched } from '../../message/errors/watched.js';
import { retryBackoff, type RetryBackoffConfig } from '../retryBackoff.js';
import type { ConsumeOptions } from './consumeOptions.js';

/** The default of `retry`, also for `route` and queues. */
export const RETRY_DEFAULTS = { initialInterval: 100, maxRetries: 3 } as const;

/** The maximum of `metadata.maxRetries`, which the sender chooses. */
const MAX_RETRIES = 100;

/** Returns the operator that retries the handler of a message. */
export type MessageRetries = (message: Message) => <V>(source: Observable<V>) => Observable<V>;

/**
 * Creates the retries of a handler: those of the option, and for a message with
 * `metadata.maxRetries` that number in its place, less its `retryCount`; none for `false`.
 *
 * @throws {RangeError} If a number is out of range.
 */
export function createRetries(retry: ConsumeOptions<Message, unknown, unknown>['retry'] = {}, scheduler: SchedulerLike): MessageRetries {
  const { onRetry, ...chosen }: Partial<RetryBackoffConfig> = retry === false ? { maxRetries: 0 } : retry;
  const config = { ...RETRY_DEFAULTS, ...chosen, scheduler, ...(onRetry && { onRetry: watched('onRetry', onRetry) }) };
  const usual = retryBackoff(config);
  return ({ metadata }) => {
    if (retry === false || metadata?.maxRetries === undefined) return usual;
    const { maxRetries, retryCount = 0 } = metadata;
    return retryBackoff({ ...config, maxRetries: Math.max(0, Math.min(maxRetries, MAX_RETRIES) - retryCount) });
  };
}
