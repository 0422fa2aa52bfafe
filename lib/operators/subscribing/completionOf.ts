import { endWith, ignoreElements, type Observable } from 'rxjs';

/** Emits when `source` completes: a notifier for `takeUntil`. */
export function completionOf(source: Observable<unknown>): Observable<unknown> {
  return source.pipe(ignoreElements(), endWith(true));
}
