import { defer, EMPTY, filter, fromEvent, map, merge, type Observable } from 'rxjs';

/**
 * A signal of the platform. `awake`: timers and connections may not have run until now; `online`
 * and `offline`: there is a network, or none.
 */
export type NetworkSignal = 'awake' | 'online' | 'offline';

type Target = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;

/**
 * The signals of a page or worker. On Node there are none.
 *
 * A page that was frozen (https://wicg.github.io/page-lifecycle/), hidden or in the back-forward
 * cache emits `awake` when it is active again.
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

/**
 * Returns whether the platform reports that there is no network. `false` does not mean that there
 * is one.
 */
export function isOffline(): boolean {
  return (globalThis as { readonly navigator?: { readonly onLine?: boolean } }).navigator?.onLine === false;
}

/** Returns the signals after which a connection may succeed that failed before. */
export function hopeful(signals$: Observable<NetworkSignal>): Observable<NetworkSignal> {
  return signals$.pipe(filter((signal) => signal !== 'offline'));
}
