import { hasInjectionContext, inject, shallowRef, ssrContextKey, toValue, watch, type MaybeRefOrGetter, type ShallowRef } from 'vue';
import { noop, type Observable } from 'rxjs';

/** Whether a server renders the page of the component. */
export function isOnServer(): boolean {
  return hasInjectionContext() && inject<unknown>(ssrContextKey, undefined) !== undefined;
}

/**
 * Returns a ref with the latest emission of the Observable that `select` returns for the value of
 * `source`, and `initial` before the first one. It follows the source until the component, or the
 * scope of effects, ends. An error or the end of the Observable keeps the latest emission. On a
 * server it subscribes to nothing.
 *
 * @param source A value, a ref or a getter. `undefined`: no Observable.
 */
export function latestRef<S, T>(
  source: MaybeRefOrGetter<S | undefined>,
  select: (value: S) => Observable<T>,
  initial: T,
): Readonly<ShallowRef<T>> {
  const latest = shallowRef(initial);
  if (isOnServer()) return latest;
  const follow = (value: S | undefined, _: unknown, onCleanup: (cleanup: () => void) => void): void => {
    latest.value = initial;
    if (value === undefined) return;
    const subscription = select(value).subscribe({ next: (emitted) => (latest.value = emitted), error: noop });
    onCleanup(() => subscription.unsubscribe());
  };
  watch(() => toValue(source), follow, { immediate: true, flush: 'sync' });
  return latest;
}
