import { asyncScheduler, defer, first, noop, of, switchMap, type Observable } from 'rxjs';
import { createCoalescedTimer } from '../internal/coalescedTimer.js';
import type { Connection } from './connection.js';
import { controlFrame } from './protocol/frames.js';
import type { EndpointParts } from './endpointParts.js';
import type { EndpointOptions } from './endpointOptions.js';

/**
 * What shows who a client is: text that stays the same, or a function that tells it whenever it is needed: at once, with a promise or an Observable, of which
 * the first value counts.
 */
export type TokenSource = string | (() => string | PromiseLike<string> | Observable<string>);

export interface CredentialsOptions extends Pick<EndpointOptions, 'scheduler' | 'report'> {
  readonly token?: TokenSource;
}

/** What a client shows, for its connections one after the other. */
export interface Credentials {
  /** For the hello. */
  readonly shown: string | undefined;
  /** Asks before something is done. */
  before<T>(then: Observable<T>): Observable<T>;
  /** What was shown over this connection is worth nothing any more in so many ms; never, if not: a fresh one is sent in time. */
  expire(connection: Connection, expires: number | undefined): void;
}

/** How long before it expires a fresh one is asked for, in ms; later, if it does not live for twice that. */
const EARLY = 30_000;

export function createCredentials(
  { token, scheduler = asyncScheduler, report = noop }: CredentialsOptions,
  { wait, life }: Pick<EndpointParts, 'wait' | 'life'>,
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
    expire(connection, expires) {
      renewal.clear();
      if (!token || !expires) return;
      const send = (fresh: string): void => connection.send(controlFrame('auth', fresh));
      // When that fails, the server closes the connection in the end, and the next one asks again.
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
