import type { NgZone } from '@angular/core';
import { Observable, type MonoTypeOperatorFunction } from 'rxjs';
import { operate } from '../internal/operate.js';

/**
 * Tells its subscribers everything within Angular's zone, where zone.js starts change detection; subscribes to its source outside, as a timer of the
 * source's would keep the application from becoming stable. Without zone.js, nothing is different.
 */
export function inZone<T>(zone: NgZone): MonoTypeOperatorFunction<T> {
  const tell = operate<T, T>((subscriber) => ({
    next: (value) => zone.run(() => subscriber.next(value)),
    error: (error) => zone.run(() => subscriber.error(error)),
    complete: () => zone.run(() => subscriber.complete()),
  }));
  // eslint-disable-next-line no-restricted-syntax -- no built-in operator subscribes inside of a function; the subscriber is passed on as it is
  return (source) => tell(new Observable((subscriber) => zone.runOutsideAngular(() => source.subscribe(subscriber))));
}
