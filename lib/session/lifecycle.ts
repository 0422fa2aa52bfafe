import {
  concat,
  defer,
  EMPTY,
  first,
  identity,
  Observable,
  of,
  Subject,
  Subscription,
  take,
  takeUntil,
  timer,
  type Subscriber,
} from 'rxjs';
import { DrainTimeoutError, UndeliveredError, type UndeliveredMessages } from '../errors.js';
import { MAX_IDS } from '../errors/deliveryErrors.js';
import { after } from '../internal/after.js';
import { whenReady, type MaybePromise } from '../internal/maybeAsync.js';
import type { Message } from '../message/types.js';
import type { Endpoint } from './endpoint.js';
import type { EndpointParts } from './endpointParts.js';
import { DEFAULTS, type EndpointOptions } from './endpointOptions.js';
import type { Wait } from './serialTask.js';

/** How long the other side may take to close the connection, in ms. */
const CLOSE_TIMEOUT = 5_000;

/** The parts of a running session that differ between client and server. */
export interface SessionRun {
  readonly endpoint: Endpoint;
  /** The connections, one after the other. */
  readonly connections$: Observable<unknown>;
  /** Called at the end. */
  readonly close: () => void;
}

type Start = (parts: Pick<EndpointParts, 'emit' | 'fail' | 'wait' | 'life'>) => SessionRun;

/**
 * Runs a session from its first connection. It ends when `outgoing` has completed and its messages
 * are acked, or after `drainTimeout`; when the connections end; or when the session finally fails.
 * It completes only when no message is left.
 *
 * @throws {DrainTimeoutError} Delivered, when messages are left after `drainTimeout`.
 * @throws {UndeliveredError} Delivered, when messages are left and the other side ends the session.
 */
export function runSession(outgoing: Observable<Message>, options: EndpointOptions, start: Start): Observable<Message> {
  return new Observable((to) => {
    run(to, outgoing, options, start);
  });
}

/**
 * Not composed of operators: a server has thousands of sessions, and operators would take 16 KiB
 * for each.
 */
function run(to: Subscriber<Message>, outgoing: Observable<Message>, options: EndpointOptions, start: Start): void {
  const { listening$ = of(true) } = options;
  const life = new Subscription();
  const wait = waitIn(life);
  const fail = (error: unknown): void => to.error(error);
  const { endpoint, connections$, close } = start({ emit: (message) => to.next(message), fail, wait, life });
  let late: DrainTimeoutError | undefined;
  const end = {
    error: (error: unknown): void => fail(late ?? error),
    complete(): void {
      const left = giveUp(endpoint);
      const error = late ?? (left && new UndeliveredError(left));
      if (error) fail(error);
      else to.complete();
    },
  };
  const drain = (): void => {
    to.add(drainAndClose(endpoint, options, (error) => (late = error)).subscribe(end));
  };

  life.add(listening$.pipe(first(identity, false)).subscribe((is) => is && endpoint.held.open()));
  // Runs before the connection is closed: the other side does not send messages again when it has
  // received their delayed ack.
  to.add(() => endpoint.flushAcks());
  to.add(connections$.subscribe(end));
  to.add(outgoing.subscribe({ next: (message) => endpoint.send(message), error: fail, complete: drain }));
  to.add(() => endpoint.sender.abandon());
  to.add(() => {
    life.unsubscribe();
    close();
  });
}

/** Returns a function that waits for results until `life` ends. */
export function waitIn(life: Subscription): Wait {
  return (later, done, failed) => {
    life.add(settle(later, done, failed));
  };
}

/** Calls back with the result, or with the error, also if `later` throws. */
function settle<T>(later: () => MaybePromise<T>, done: (value: T) => void, failed: (error: unknown) => void): Subscription | undefined {
  let answer: MaybePromise<T>;
  try {
    answer = later();
  } catch (error) {
    failed(error);
    return undefined;
  }
  return whenReady(answer, done, failed);
}

/** Gives up the messages that are left, and returns them; `undefined` if there are none. */
export function giveUp({ sender }: Endpoint): UndeliveredMessages | undefined {
  const { pending } = sender;
  const count = pending.byId.size;
  if (count === 0) return undefined;
  const ids = [...pending.byId.keys()].slice(0, MAX_IDS);
  sender.abandon();
  return { count, ids, kept: pending.byId.size };
}

/**
 * Waits until all messages are acked, for `drainTimeout` at most; gives up the others, closes the
 * connection, and completes when the other side had time to answer.
 *
 * @param onTimeout Called when messages were given up.
 */
export function drainAndClose(
  endpoint: Endpoint,
  { drainTimeout = DEFAULTS.drainTimeout, scheduler = DEFAULTS.scheduler, microtask = DEFAULTS.microtask }: EndpointOptions,
  onTimeout: (error: DrainTimeoutError) => void,
): Observable<unknown> {
  return defer(() => {
    const { pending } = endpoint.sender;
    endpoint.drain();
    const empty$ = new Subject<void>();
    pending.onEmpty = () => empty$.next();
    const drained$ = pending.byId.size > 0 ? empty$.pipe(take(1), takeUntil(after(drainTimeout, scheduler))) : EMPTY;
    const closed$ = defer(() => timer(endpoint.close() ? CLOSE_TIMEOUT : 0, scheduler));
    const settled$ = defer(() => {
      const left = giveUp(endpoint);
      if (left) onTimeout(new DrainTimeoutError(left, drainTimeout));
      return EMPTY;
    });
    // A message that is being delivered, whose handler has completed the wire, is acked at the end
    // of the microtask.
    return concat(drained$, after(0, microtask), settled$, closed$);
  });
}
