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
  Subscription,
  take,
  takeUntil,
  timer,
  type Observer,
  type Subscriber,
} from 'rxjs';
import { after } from '../internal/after.js';
import { once } from '../internal/once.js';
import { whenReady, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Message } from '../message/types.js';
import type { Endpoint, EndpointParts } from './endpoint.js';
import type { EndpointOptions } from './options.js';
import type { Wait } from './storing.js';

/** How long the other side may take to say goodbye, in ms. */
const CLOSE_TIMEOUT = 5_000;

/** A session as client or server makes it. */
export interface Run {
  readonly endpoint: Endpoint;
  /** The connections, one after the other. */
  readonly connections$: Observable<unknown>;
  /** Called at the end. */
  readonly close: () => void;
}

type Start = (parts: Pick<EndpointParts, 'emit' | 'fail' | 'wait' | 'life'>) => Run;

/**
 * The life of a session: from its first connection until `outgoing` completes and all of it is acked, or that takes too long; until the
 * connections end; or until something fails for good.
 */
export function running(outgoing: Observable<Message>, options: EndpointOptions, start: Start): Observable<Message> {
  return new Observable((to) => {
    run(to, outgoing, options, start);
  });
}

/** By hand, and not composed: a server has thousands of them, and operators would take 16 KiB for each. */
function run(to: Subscriber<Message>, outgoing: Observable<Message>, options: EndpointOptions, start: Start): void {
  const { listening$ = of(true) } = options;
  const life = new Subscription();
  const wait: Wait = (later, done, failed) => {
    life.add(settle(later, done, failed));
  };
  const fail = (error: unknown): void => to.error(error);
  const end = { error: fail, complete: () => to.complete() };
  const { endpoint, connections$, close } = start({ emit: (message) => to.next(message), fail, wait, life });

  life.add(listening$.pipe(first(identity, false)).subscribe((is) => is && endpoint.incoming.gate.open()));
  to.add(connections$.subscribe(end));
  send(to, outgoing, endpoint, options, end);
  to.add(() => {
    life.unsubscribe();
    close();
  });
}

/** What throws instead of answering has failed, too. */
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

/** Sends all there is; completes when that is acked, and the other side had time to say goodbye. */
function send(
  to: Subscriber<Message>,
  outgoing: Observable<Message>,
  endpoint: Endpoint,
  { drainTimeout = 10_000, scheduler = asyncScheduler }: EndpointOptions,
  end: Pick<Observer<unknown>, 'error' | 'complete'>,
): void {
  const { ledger, accept } = endpoint.outgoing;
  const abandon = once(endpoint.outgoing.abandon);
  const close = (): void => {
    const drained$ = ledger.size > 0 ? ledger.empty$.pipe(take(1), takeUntil(after(drainTimeout, scheduler))) : EMPTY;
    const closed$ = defer(() => timer(endpoint.close() ? CLOSE_TIMEOUT : 0, scheduler));
    to.add(concat(drained$.pipe(finalize(abandon)), closed$).subscribe(end));
  };
  to.add(outgoing.subscribe({ next: accept, error: end.error, complete: close }));
  to.add(abandon);
}
