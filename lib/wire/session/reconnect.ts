import { Observable, type SchedulerLike, Subject, type Unsubscribable } from 'rxjs';
import { FORBIDDEN, isReconnectable, UNAUTHORIZED } from '../../message/closeCode.js';
import { CallbackError, ConnectionLostError, ReconnectGivenUpError, RxwireError, UnauthorizedError } from '../../message/errors.js';
import { watchResult } from '../../message/errors/callSafely.js';
import { afterMicrotask } from '../../message/steadyScheduler.js';
import { backoffDelays, exponentialDelay, retryBackoff, type RetryBackoffConfig } from '../../operators/retryBackoff.js';
import type { NetworkSignal } from './networkSignals.js';
import type { Report } from './sessionEvents.js';

/** The options of `retryBackoff`, by default 0.5 to 30 s with full jitter; `false`: not at all. */
export type ReconnectOptions = Partial<RetryBackoffConfig> | false;

export interface ReconnectPolicy {
  readonly config: RetryBackoffConfig;
  /** Whether a lost connection is opened again at all. */
  readonly isOn: boolean;
}

/** Returns the options with their defaults. @throws {RangeError} If a number is out of range. */
export function reconnectPolicy(options: ReconnectOptions = {}, scheduler: SchedulerLike): ReconnectPolicy {
  const config = {
    initialInterval: 500,
    maxInterval: 30_000,
    jitter: 1,
    resetOnSuccess: true,
    ...(options || { maxRetries: 0 }),
    scheduler: (options && options.scheduler) || scheduler,
  };
  backoffDelays(config);
  return { config, isOn: options !== false };
}

/** The last connection of a session. */
export interface LastConnection {
  /** Whether a message ended it: then any close code permits another connection. */
  isRefused: boolean;
  /** Whether the server has announced its end: that is progress, and adds no delay. */
  isAnnounced: boolean;
  /** Returns the remaining delay that the server has requested, in ms; 0 or less for none. */
  pause(): number;
}

const NOTHING_KNOWN: LastConnection = { isRefused: false, isAnnounced: false, pause: () => 0 };

/** How connections follow each other, until a close code is final. */
export interface Reconnecting {
  /** The retries since the last progress. */
  attempts: number;
  /** Subscribes again to connections that fail. Each value is progress. */
  readonly connections: <T>(connection$: Observable<T>) => Observable<T>;
  /** Ends the current delay, unless the options have a `wake$`. */
  wake(): void;
  /** Returns the error with which the session ends after the last connection. */
  lastError(error: unknown): unknown;
}

export function reconnecting({ config, isOn }: ReconnectPolicy, report: Report, last = NOTHING_KNOWN): Reconnecting {
  const awake$ = new Subject<void>();
  const { backoffDelay = exponentialDelay, shouldRetry = isTemporary, onRetry, wake$ = awake$ } = config;
  const state: Reconnecting = {
    attempts: 0,
    connections: retryBackoff({
      ...config,
      wake$,
      shouldRetry: (error) => last.isRefused || shouldRetry(error),
      backoffDelay: (iteration, initialInterval) => (last.isAnnounced ? 0 : backoffDelay(iteration, initialInterval)),
      onRetry(retry) {
        state.attempts = retry.attempt;
        const pause = Math.max(0, last.pause());
        const { closeCode, reason = '' } = Object(retry.error) as Partial<ConnectionLostError>;
        if (last.isAnnounced && closeCode !== undefined) report({ kind: 'moved', closeCode, reason, delay: pause });
        else report({ kind: 'retry', ...retry, delay: Math.max(retry.delay, pause) });
        watchResult(onRetry?.(retry), (cause) => report({ kind: 'error', error: new CallbackError('onRetry', cause) }));
      },
    }),
    wake: () => awake$.next(),
    lastError: (error) =>
      isOn && (isTemporary(error) || last.isRefused) ? new ReconnectGivenUpError(state.attempts, error) : explained(error),
  };
  return state;
}

/**
 * Calls back with the signals of the platform, until they end or fail: then there are no more. It
 * subscribes once, as an Observable may emit its last value to each subscriber.
 */
export function watchSignals(
  signals$: Observable<NetworkSignal> | undefined,
  next: (signal: NetworkSignal) => void,
  report: Report,
): Unsubscribable | undefined {
  const error = (cause: unknown): void =>
    // The program cannot subscribe to `errors$` before it has the wire.
    afterMicrotask(() => report({ kind: 'error', error: new CallbackError('signals$', cause) }), undefined);
  // eslint-disable-next-line no-restricted-syntax -- an Observable of another library may throw
  return signals$ && new Observable<NetworkSignal>((to) => signals$.subscribe(to)).subscribe({ next, error });
}

/** Returns an `UnauthorizedError` for a rejected client; any other error unchanged. */
function explained(error: unknown): unknown {
  if (!(error instanceof ConnectionLostError)) return error;
  const { closeCode, reason } = error;
  return closeCode === UNAUTHORIZED || closeCode === FORBIDDEN ? new UnauthorizedError(closeCode, reason, error) : error;
}

/** Returns whether another attempt may help: not after a final close code or an `RxwireError`. */
export function isTemporary(error: unknown): boolean {
  if (error instanceof ConnectionLostError) return isReconnectable(error.closeCode);
  return !(error instanceof RxwireError);
}
