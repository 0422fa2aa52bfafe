import { noop, type Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { whenReady } from '../../message/maybeAsync.js';
import { createCoalescedTimer, type CoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import type { Report } from './sessionEvents.js';

/**
 * The token of a client: a constant text, or a function that returns the current token, a promise
 * of it, or an Observable that emits it first.
 */
export type TokenSource = string | (() => string | PromiseLike<string> | Observable<string>);

export class TokenRenewal {
  readonly #source: TokenSource;
  readonly #report: Report;
  /** Ends with the session. */
  readonly #life: Subscription;
  readonly #renewal: CoalescedTimer;
  #send: (fresh: string) => void = noop;

  constructor(
    source: TokenSource,
    { scheduler, report }: { readonly scheduler: SchedulerLike; readonly report: Report },
    life: Subscription,
  ) {
    this.#source = source;
    this.#report = report;
    this.#life = life;
    this.#renewal = createCoalescedTimer(scheduler, () => this.#renew());
    life.add(() => this.#renewal.clear());
  }

  /** Requests a token, and calls `then` with it: at once, if it is no promise or Observable. */
  request(then: (token: string) => void, failed: (error: unknown) => void): Subscription | undefined {
    const source = this.#source;
    const received = (token: unknown): void => {
      if (typeof token === 'string') then(token);
      else failed(new TypeError('"token" must return a text'));
    };
    return whenReady<unknown>(typeof source === 'string' ? source : source(), received, failed);
  }

  /** Schedules a fresh token for one that expires in `expires` ms; `undefined` or 0: never. */
  expire(send: (fresh: string) => void, expires: number | undefined): void {
    this.#renewal.clear();
    this.#send = send;
    if (expires) this.#renewal.set(expires - Math.min(EARLY, expires / 2));
  }
  #renew(): void {
    // If the request fails, the server closes the connection at the expiry, and the client requests
    // a token for the next one.
    const failed = (error: unknown): void => this.#report({ kind: 'error', error });
    try {
      this.#life.add(this.request(this.#send, failed));
    } catch (error) {
      failed(error);
    }
  }
}

/** How long before the expiry a fresh token is requested, in ms; at most half of the lifetime. */
const EARLY = 30_000;
