import { asapScheduler, Subscription } from 'rxjs';
import { DrainTimeoutError, type UndeliveredMessages } from '../../message/errors.js';
import { MAX_IDS } from '../../message/errors/undeliveredErrors.js';
import { createCoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import type { FullEndpointOptions } from './sessionOptions.js';
import type { SessionHost } from './sessionHost.js';

/** How long the other side may take to close the connection, in ms. */
const CLOSE_TIMEOUT = 5_000;

/**
 * Gives up the messages that no outbox keeps. Returns all that are left; `undefined` if none is.
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
 * connection, and calls `done` when the other side had time to answer.
 *
 * @param onTimeout Called when messages were given up.
 */
export function drainHost(
  host: SessionHost,
  { drainTimeout, scheduler, microtask = asapScheduler }: FullEndpointOptions,
  onTimeout: (error: DrainTimeoutError) => void,
  done: () => void,
): Subscription {
  const drain = new Subscription();
  const timer = createCoalescedTimer(scheduler, () => onDrained());
  const finish = (): void => {
    const left = giveUpRest(host);
    if (left) onTimeout(new DrainTimeoutError(left, drainTimeout));
    if (!drain.closed) drain.add(scheduler.schedule(done, host.close() ? CLOSE_TIMEOUT : 0));
  };
  const onDrained = (): void => {
    host.onEmpty = undefined;
    timer.clear();
    // A message that is being delivered, whose handler has completed the wire, is acked at the end
    // of the microtask.
    if (!drain.closed) drain.add(microtask.schedule(finish));
  };
  host.drain();
  if (host.core.isSettled) onDrained();
  else {
    host.onEmpty = onDrained;
    if (drainTimeout < Infinity) timer.set(drainTimeout);
    drain.add(() => timer.clear());
  }
  return drain;
}
