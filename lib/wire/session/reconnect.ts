import { defer, Subscription, type Observable, type SchedulerLike, type Unsubscribable } from 'rxjs';
import { CallbackError, ConnectionLostError, ReconnectGivenUpError, RxwireError, UnauthorizedError } from '../../message/errors.js';
import { watchResult } from '../../message/errors/callSafely.js';
import { afterMicrotask } from '../../message/steadyScheduler.js';
import { MAX_DELAY } from '../../operators/timing/coalescedTimer.js';
import { FORBIDDEN, isReconnectable, UNAUTHORIZED } from '../../message/closeCode.js';
import { backoffDelays, type RetryBackoffConfig } from '../../operators/retryBackoff.js';
import type { Report } from './sessionEvents.js';
import { platformSignals, type NetworkSignal } from './networkSignals.js';

/** The options of `retryBackoff`, by default 0.5 to 30 s with full jitter; `false`: not at all. */
export type ReconnectOptions = Partial<RetryBackoffConfig> | false;

export interface ReconnectionOwner {
  /** Opens a connection, which calls `failed` or `succeeded`. An exception counts as `failed`. */
  open(): Unsubscribable | undefined;
  /** Called when the last connection is lost, or could not be opened, and no other one follows. */
  onGivenUp(error: unknown): void;
  /** Called with each signal of the platform. */
  onSignal?(): void;
  /** Returns the remaining delay that the peer has requested, in ms. @default 0 */
  pause?(): number;
  /** Whether a message ended the connection: then any close code permits another connection. */
  readonly isRefused?: boolean;
  /** Whether the peer has announced the end: that is progress, and adds no delay. */
  readonly isAnnounced?: boolean;
}

export interface ReconnectPolicy {
  readonly config: RetryBackoffConfig;
  /** Returns the delay before retry number `iteration` (from 0), in ms. */
  readonly delayOf: (iteration: number) => number;
  /** They end a delay, unless the options have a `wake$`. */
  readonly signals$: Observable<NetworkSignal> | undefined;
  readonly scheduler: SchedulerLike;
  readonly report: Report;
  /** Whether a lost connection is opened again at all. */
  readonly isOn: boolean;
}

/** @throws {RangeError} If a number is out of range. */
export function reconnectPolicy(
  options: ReconnectOptions,
  report: Report,
  ownScheduler: SchedulerLike,
  signals$: Observable<NetworkSignal> | undefined = platformSignals(),
): ReconnectPolicy {
  const config: RetryBackoffConfig = {
    initialInterval: 500,
    maxInterval: 30_000,
    jitter: 1,
    resetOnSuccess: true,
    ...(options || { maxRetries: 0 }),
  };
  const { scheduler = ownScheduler } = config;
  return { config, delayOf: backoffDelays(config), signals$, scheduler, report, isOn: options !== false };
}

/**
 * Opens connections, one after the other, until a close code is final. Progress resets the delay.
 */
export class Reconnection implements Unsubscribable {
  readonly #policy: ReconnectPolicy;
  readonly #owner: ReconnectionOwner;
  #connection: Unsubscribable | undefined;
  #delay: Subscription | undefined;
  /** Ends the delay, if a signal may end it. */
  #endDelay: (() => void) | undefined;
  /** The subscription to the signals: one, as an Observable may emit its last value to each. */
  #signals: Unsubscribable | undefined;
  /** The retries that count for `maxRetries`. */
  #retries = 0;
  /** The retries since the last progress. */
  attempts = 0;
  #isOpening = false;
  /** Whether the next connection is due while one is being opened, which has failed already. */
  #isNextDue = false;
  #isOver = false;

  constructor(policy: ReconnectPolicy, owner: ReconnectionOwner) {
    this.#policy = policy;
    this.#owner = owner;
  }

  /** Opens a connection, when the delay has passed that the peer has requested. */
  start(): void {
    this.#signals ??= this.#watchSignals();
    const pause = this.#owner.pause?.() ?? 0;
    if (pause > 0) this.#wait(pause, () => this.#open());
    else this.#open();
  }
  unsubscribe(): void {
    this.#isOver = true;
    this.#signals?.unsubscribe();
    this.#delay?.unsubscribe();
    this.#connection?.unsubscribe();
  }

  succeeded(): void {
    this.attempts = 0;
    if (this.#policy.config.resetOnSuccess) this.#retries = 0;
  }
  /** The connection is lost, or could not be opened. */
  failed(error: unknown): void {
    if (this.#isOver) return;
    try {
      const delay = this.#retryAfter(error);
      if (delay === undefined) this.#giveUp(error);
      else this.#wait(delay, () => this.start(), true);
    } catch (failure) {
      this.#giveUp(failure);
    }
  }
  /** Reports a retry, and returns its delay; undefined if there is none. */
  #retryAfter(error: unknown): number | undefined {
    const { config, delayOf, report } = this.#policy;
    const owner = this.#owner;
    const { maxRetries = Infinity, shouldRetry = isTemporary, onRetry } = config;
    if (owner.isAnnounced) this.succeeded();
    if (this.#retries >= maxRetries || !(owner.isRefused || shouldRetry(error))) return undefined;
    const delay = owner.isAnnounced ? 0 : delayOf(this.#retries);
    const attempt = (this.attempts = ++this.#retries);
    const retry = { attempt, delay, error };
    const pause = Math.max(0, owner.pause?.() ?? 0);
    const { closeCode, reason = '' } = Object(error) as Partial<ConnectionLostError>;
    if (owner.isAnnounced && closeCode !== undefined) report({ kind: 'moved', closeCode, reason, delay: pause });
    else report({ kind: 'retry', ...retry, delay: Math.max(delay, pause) });
    watchResult(onRetry?.(retry), (cause) => report({ kind: 'error', error: new CallbackError('onRetry', cause) }));
    return delay;
  }
  #giveUp(error: unknown): void {
    if (this.#isOver) return;
    const isTooOften = this.#policy.isOn && (isTemporary(error) || this.#owner.isRefused);
    this.#owner.onGivenUp(isTooOften ? new ReconnectGivenUpError(this.attempts, error) : explained(error));
  }

  /** Watches the signals until they end, or fail: then there are no more. */
  #watchSignals(): Subscription | undefined {
    const { signals$, report } = this.#policy;
    const next = (signal: NetworkSignal): void => {
      if (signal !== 'offline') this.#endDelay?.();
      this.#owner.onSignal?.();
    };
    const error = (cause: unknown): void =>
      // The program cannot subscribe to `errors$` before it has the wire.
      afterMicrotask(() => report({ kind: 'error', error: new CallbackError('signals$', cause) }), undefined);
    return signals$ && defer(() => signals$).subscribe({ next, error });
  }

  /** Calls `then` after a delay, which a signal may end. */
  #wait(ms: number, then: () => void, endsBySignal = false): void {
    // A callback of the application may have ended the session.
    if (this.#isOver) return;
    const { config, scheduler } = this.#policy;
    const { wake$ } = config;
    const delay = (this.#delay = new Subscription());
    const end = (): void => {
      if (delay.closed) return;
      delay.unsubscribe();
      then();
    };
    this.#endDelay = endsBySignal && !wake$ ? end : undefined;
    if (ms !== Infinity) delay.add(scheduler.schedule(end, Math.min(ms, MAX_DELAY)));
    if (!endsBySignal || delay.closed) return;
    delay.add(wake$?.subscribe({ next: end, error: (error) => this.#giveUp(error) }));
  }
  /** Opens connections until one does not fail at once, or waits for the next one. */
  #open(): void {
    this.#isNextDue = true;
    if (this.#isOpening) return;
    this.#isOpening = true;
    while (this.#isNextDue && !this.#isOver) {
      this.#isNextDue = false;
      this.#connection?.unsubscribe();
      try {
        this.#connection = this.#owner.open();
      } catch (error) {
        this.failed(error);
      }
    }
    this.#isOpening = false;
    if (this.#isOver) this.#connection?.unsubscribe();
  }
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
