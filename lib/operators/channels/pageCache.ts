import { Observable } from 'rxjs';

type Transition = Event & { readonly persisted?: boolean };

/** Emits `true` when the page enters the back/forward cache, and `false` when it is shown again. */
export const isPageCached = /* @__PURE__ */ new Observable<boolean>((to) => {
  const page = globalThis as Partial<Pick<EventTarget, 'addEventListener' | 'removeEventListener'>>;
  const listener = ({ type, persisted }: Transition): void => {
    if (persisted) to.next(type === 'pagehide');
  };
  for (const name of ['pagehide', 'pageshow']) {
    page.addEventListener?.(name, listener);
    to.add(() => page.removeEventListener?.(name, listener));
  }
});
