import { defer, first, noop, of, switchMap, type Observable, type Subscription } from 'rxjs';
import { createCoalescedTimer } from '../internal/coalescedTimer.js';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import type { Wait } from './waitIn.js';
import type { EndpointOptions } from './endpointOptions.js';

/**
 * The token of a client: a constant text, or a function that returns the current token, a promise
 * of it, or an Observable that emits it first.
 */
export type TokenSource = string | (() => string | PromiseLike<string> | Observable<string>);

export interface CredentialsOptions extends Pick<EndpointOptions, 'scheduler' | 'report'> {
  readonly token?: TokenSource;
}

/** The credentials of a client, for all of its connections. */
export interface Credentials {
  /** The token for the hello. */
  readonly shown: string | undefined;
  /** Requests a token, then subscribes to `then`. */
  before<T>(then: Observable<T>): Observable<T>;
  /**
   * Schedules a fresh token, which `send` sends to the server, for a connection whose token expires
   * in `expires` ms; `undefined` or 0: never.
   */
  expire(send: (fresh: string) => void, expires: number | undefined): void;
}

/**
 * How long before the expiry the client requests a fresh token, in ms; half of the lifetime, if
 * that is shorter.
 */
const EARLY = 30_000;

export function createCredentials(
  { token, scheduler = steadyScheduler(), report = noop }: CredentialsOptions,
  { wait, life }: { readonly wait: Wait; readonly life: Subscription },
): Credentials {
  let shown: string | undefined;
  let renew = noop;
  const renewal = createCoalescedTimer(scheduler, () => renew());
  const ask = (source: TokenSource): Observable<string> =>
    defer(() => {
      const answer = typeof source === 'string' ? source : source();
      return typeof answer === 'string' ? of(answer) : answer;
    }).pipe(first());
  life.add(() => renewal.clear());

  return {
    get shown() {
      return shown;
    },
    before: (then) => (token ? ask(token).pipe(switchMap((fresh) => ((shown = fresh), then))) : then),
    expire(send, expires) {
      renewal.clear();
      if (!token || !expires) return;
      // If the request fails, the server closes the connection at the expiry, and the client
      // requests a token for the next one.
      renew = () =>
        wait(
          () => ask(token),
          send,
          (error) => report({ kind: 'error', error }),
        );
      renewal.set(expires - Math.min(EARLY, expires / 2));
    },
  };
}
