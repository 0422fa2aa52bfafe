import { Observable } from 'rxjs';

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
export const networkSignals = /* @__PURE__ */ new Observable<NetworkSignal>((to) => {
  const { document } = globalThis as { readonly document?: Target & { readonly visibilityState: string } };
  if (!platformSignals()) {
    to.complete();
    return;
  }
  const on = (target: Target, name: string, signal: NetworkSignal): void => {
    const listener = (): void => {
      if (name !== 'visibilitychange' || document?.visibilityState === 'visible') to.next(signal);
    };
    target.addEventListener(name, listener);
    to.add(() => target.removeEventListener(name, listener));
  };
  const page = globalThis as unknown as Target;
  on(page, 'online', 'online');
  on(page, 'offline', 'offline');
  if (!document) return;
  on(document, 'visibilitychange', 'awake');
  on(page, 'pageshow', 'awake');
  on(document, 'resume', 'awake');
});

/** Returns the signals of a page or worker; undefined if the platform has none, as Node. */
export function platformSignals(): Observable<NetworkSignal> | undefined {
  return 'addEventListener' in globalThis ? networkSignals : undefined;
}

/**
 * Returns whether the platform reports that there is no network. `false` does not mean that there
 * is one.
 */
export function isOffline(): boolean {
  return (globalThis as { readonly navigator?: { readonly onLine?: boolean } }).navigator?.onLine === false;
}
