import type { Observable } from 'rxjs';
import { retryBackoff } from 'rxwire';

export const lines = { source: '-a-#' };
export const outputs = ['delays'];
export const options = { initialInterval: 1, maxInterval: 20, maxRetries: 4, resetOnSuccess: false };

/** The source fails at each `#`. */
export const pipeline =
  ({ initialInterval, maxInterval, maxRetries, resetOnSuccess }: typeof options) =>
  (source: Observable<string>, { delays }: Record<'delays', (ms: number) => void>) =>
    source.pipe(retryBackoff({ initialInterval, maxInterval, maxRetries, resetOnSuccess, onRetry: ({ delay }) => delays(delay) }));
