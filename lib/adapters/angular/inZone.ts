import type { NgZone } from '@angular/core';
import { Observable, type MonoTypeOperatorFunction } from 'rxjs';
import { operate } from '../../operators/subscribing/operate.js';

/**
 * Notifies its subscribers inside Angular's zone, where zone.js starts change detection, and
 * subscribes to its source outside: a timer of the source would keep the application from becoming
 * stable. Without zone.js it changes nothing.
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
