import {
  asyncScheduler,
  concat,
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  merge,
  noop,
  of,
  Subject,
  Subscription,
  take,
  takeUntil,
  tap,
  timer,
  type Observable,
} from 'rxjs';
import { after } from '../internal/after.js';
import { endOf } from '../internal/endOf.js';
import { whenReady, type Later } from '../internal/later.js';
import type { Message } from '../message/types.js';
import type { Endpoint, EndpointParts } from './endpoint.js';
import type { EndpointOptions } from './options.js';
import type { OutboxStore } from './store/outboxStore.js';
import type { Wait } from './storing.js';

/** How long the other side may take to say goodbye, in ms. */
const CLOSE_TIMEOUT = 5_000;

/** A session as client or server makes it. */
export interface Run {
  readonly endpoint: Endpoint;
  /** The connections, one after the other. */
  readonly connections$: Observable<unknown>;
}

/**
 * The life of a session: from its first connection until `outgoing` completes and all of it is acked, or that takes too long; until the
 * connections end; or until something fails for good.
 */
export function running(
  outgoing: Observable<Message>,
  store: OutboxStore,
  options: EndpointOptions,
  start: (parts: Pick<EndpointParts, 'emit' | 'fail' | 'wait'>) => Run,
): Observable<Message> {
  const { report = noop, listening$ = of(true) } = options;
  return defer(() => {
    const messages$ = new Subject<Message>();
    const waits = new Subscription();
    const wait: Wait = (later, done, failed) => {
      waits.add(settle(later, done, failed));
    };
    const fail = (error: unknown): void => messages$.error(error);
    const { endpoint, connections$ } = start({ emit: (message) => messages$.next(message), fail, wait });

    const onFault = (error: { readonly fault: string }): void => {
      if (error.fault === 'fenced') {
        fail(error);
        return;
      }
      report({ kind: 'error', error });
      if (error.fault === 'evicted') endpoint.outgoing.storeAgain();
    };
    waits.add((store.faults$ ?? EMPTY).subscribe(onFault));
    waits.add(listening$.subscribe((is) => is && endpoint.incoming.gate.open()));
    const work$ = merge(endOf(connections$), endOf(sending(outgoing, endpoint, options)));
    return messages$.pipe(
      takeUntil(work$),
      finalize(() => {
        waits.unsubscribe();
        store.close();
      }),
    );
  });
}

/** What throws instead of answering has failed, too. */
function settle<T>(later: () => Later<T>, done: (value: T) => void, failed: (error: unknown) => void): Subscription | undefined {
  let answer: Later<T>;
  try {
    answer = later();
  } catch (error) {
    failed(error);
    return undefined;
  }
  return whenReady(answer, done, failed);
}

/** Sends all there is; completes when that is acked, and the other side had time to say goodbye. */
function sending(outgoing: Observable<Message>, endpoint: Endpoint, options: EndpointOptions): Observable<unknown> {
  const { drainTimeout = 10_000, scheduler = asyncScheduler } = options;
  const { ledger, accept, abandon } = endpoint.outgoing;
  const drained$ = defer(() => (ledger.size > 0 ? ledger.empty$.pipe(take(1), takeUntil(after(drainTimeout, scheduler))) : EMPTY));
  return concat(
    concat(outgoing.pipe(tap(accept)), drained$).pipe(finalize(abandon)),
    defer(() => timer(endpoint.close() ? CLOSE_TIMEOUT : 0, scheduler)),
  ).pipe(ignoreElements());
}
