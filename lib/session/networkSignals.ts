import { defer, EMPTY, filter, fromEvent, map, merge, type Observable } from 'rxjs';

/** What the platform says: timers and connections may have been asleep until now, or there is a network (again), or none. */
export type NetworkSignal = 'awake' | 'online' | 'offline';

type Target = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;

/**
 * Those of a page, or of a worker. On Node there are none.
 *
 * A page that was frozen (https://wicg.github.io/page-lifecycle/), hidden or in the back-forward cache is `awake` when it is none of that any more.
 */
export const networkSignals: Observable<NetworkSignal> = /* @__PURE__ */ defer(() => {
  const { addEventListener, document } = globalThis as {
    addEventListener?: unknown;
    document?: Target & { readonly visibilityState: string };
  };
  if (typeof addEventListener !== 'function') return EMPTY;
  const on = (target: Target, name: string, signal: NetworkSignal): Observable<NetworkSignal> =>
    fromEvent(target as EventTarget, name).pipe(map(() => signal));
  const page = globalThis as unknown as Target;
  const network$ = merge(on(page, 'online', 'online'), on(page, 'offline', 'offline'));
  if (!document) return network$;
  const visible$ = on(document, 'visibilitychange', 'awake').pipe(filter(() => document.visibilityState === 'visible'));
  return merge(network$, visible$, on(page, 'pageshow', 'awake'), on(document, 'resume', 'awake'));
});

/** Whether the platform knows that there is no network; that it knows nothing of that does not say that there is one. */
export function isOffline(): boolean {
  return (globalThis as { readonly navigator?: { readonly onLine?: boolean } }).navigator?.onLine === false;
}

/** Those with which a connection may be had that could not be before. */
export function hopeful(signals$: Observable<NetworkSignal>): Observable<NetworkSignal> {
  return signals$.pipe(filter((signal) => signal !== 'offline'));
}
