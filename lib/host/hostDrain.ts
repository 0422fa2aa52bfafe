import { concat, defer, EMPTY, Subject, take, takeUntil, timer, type Observable } from 'rxjs';
import { DrainTimeoutError, type UndeliveredMessages } from '../errors.js';
import { MAX_IDS } from '../errors/deliveryErrors.js';
import { after } from '../internal/after.js';
import { DEFAULTS, type EndpointOptions } from '../session/endpointOptions.js';
import type { SessionHost } from './sessionHost.js';

/** How long the other side may take to close the connection, in ms. */
const CLOSE_TIMEOUT = 5_000;

/**
 * Gives up the messages that are left, except those that an outbox keeps, and returns all of them;
 * `undefined` if there are none.
 */
export function giveUpRest(host: SessionHost): UndeliveredMessages | undefined {
  const { pending } = host.core.outgoing;
  const count = pending.size;
  if (count === 0) return undefined;
  const ids = [...pending.keys()].slice(0, MAX_IDS);
  host.giveUp();
  return { count, ids, kept: pending.size };
}

/**
 * Waits until all messages are acked, for `drainTimeout` at most; gives up the others, closes the
 * connection, and completes when the other side had time to answer.
 *
 * @param onTimeout Called when messages were given up.
 */
export function drainHost(
  host: SessionHost,
  { drainTimeout = DEFAULTS.drainTimeout, scheduler = DEFAULTS.scheduler, microtask = DEFAULTS.microtask }: EndpointOptions,
  onTimeout: (error: DrainTimeoutError) => void,
): Observable<unknown> {
  return defer(() => {
    host.drain();
    const empty$ = new Subject<void>();
    host.onEmpty = () => empty$.next();
    const drained$ = host.core.isSettled ? EMPTY : empty$.pipe(take(1), takeUntil(after(drainTimeout, scheduler)));
    const closed$ = defer(() => timer(host.close() ? CLOSE_TIMEOUT : 0, scheduler));
    const settled$ = defer(() => {
      const left = giveUpRest(host);
      if (left) onTimeout(new DrainTimeoutError(left, drainTimeout));
      return EMPTY;
    });
    // A message that is being delivered, whose handler has completed the wire, is acked at the end
    // of the microtask.
    return concat(drained$, after(0, microtask), settled$, closed$);
  });
}
