import {
  asyncScheduler,
  concat,
  defer,
  EMPTY,
  finalize,
  first,
  identity,
  Observable,
  of,
  Subject,
  Subscription,
  take,
  takeUntil,
  timer,
  type Observer,
  type Subscriber,
} from 'rxjs';
import { after } from '../internal/after.js';
import { whenReady, type MaybeAsync } from '../internal/maybeAsync.js';
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
 * Runs a session from its first connection. It ends when `outgoing` has completed and its messages are acked, or after `drainTimeout`; when
 * the connections end; or when the session finally fails.
 */
export function runSession(outgoing: Observable<Message>, options: EndpointOptions, start: Start): Observable<Message> {
  return new Observable((to) => {
    run(to, outgoing, options, start);
  });
}

/** Not composed of operators: a server has thousands of sessions, and operators would take 16 KiB for each. */
function run(to: Subscriber<Message>, outgoing: Observable<Message>, options: EndpointOptions, start: Start): void {
  const { listening$ = of(true) } = options;
  const life = new Subscription();
  const wait = waitIn(life);
  const fail = (error: unknown): void => to.error(error);
  const end = { error: fail, complete: () => to.complete() };
  const { endpoint, connections$, close } = start({ emit: (message) => to.next(message), fail, wait, life });

  life.add(listening$.pipe(first(identity, false)).subscribe((is) => is && endpoint.held.open()));
  // Runs before the connection is closed: the other side does not send messages again when it has received their delayed ack.
  to.add(() => endpoint.flushAcks());
  to.add(connections$.subscribe(end));
  send(to, outgoing, endpoint, options, end);
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
function settle<T>(later: () => MaybeAsync<T>, done: (value: T) => void, failed: (error: unknown) => void): Subscription | undefined {
  let answer: MaybeAsync<T>;
  try {
    answer = later();
  } catch (error) {
    failed(error);
    return undefined;
  }
  return whenReady(answer, done, failed);
}

/** Sends all messages. Completes when they are acked, and the other side had time to close the connection. */
function send(
  to: Subscriber<Message>,
  outgoing: Observable<Message>,
  endpoint: Endpoint,
  options: EndpointOptions,
  end: Pick<Observer<unknown>, 'error' | 'complete'>,
): void {
  const close = (): void => {
    to.add(drainAndClose(endpoint, options).subscribe(end));
  };
  to.add(outgoing.subscribe({ next: (message) => endpoint.send(message), error: end.error, complete: close }));
  to.add(() => endpoint.sender.abandon());
}

/**
 * Waits until all messages are acked, for `drainTimeout` at most; drops the others, closes the connection, and completes when the other
 * side had time to answer.
 */
export function drainAndClose(
  endpoint: Endpoint,
  { drainTimeout = DEFAULTS.drainTimeout, scheduler = asyncScheduler }: EndpointOptions,
): Observable<unknown> {
  return defer(() => {
    const { pending } = endpoint.sender;
    endpoint.drain();
    const empty$ = new Subject<void>();
    pending.onEmpty = () => empty$.next();
    const drained$ = pending.size > 0 ? empty$.pipe(take(1), takeUntil(after(drainTimeout, scheduler))) : EMPTY;
    const closed$ = defer(() => timer(endpoint.close() ? CLOSE_TIMEOUT : 0, scheduler));
    return concat(drained$.pipe(finalize(() => endpoint.sender.abandon())), closed$);
  });
}
