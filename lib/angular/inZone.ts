import type { NgZone } from '@angular/core';
import type { MonoTypeOperatorFunction } from 'rxjs';
import { operate } from '../internal/operate.js';

/** Tells its subscribers everything within Angular's zone, where zone.js starts change detection. Without zone.js, nothing is different. */
export function inZone<T>(zone: NgZone): MonoTypeOperatorFunction<T> {
  return operate((subscriber) => ({
    next: (value) => zone.run(() => subscriber.next(value)),
    error: (error) => zone.run(() => subscriber.error(error)),
    complete: () => zone.run(() => subscriber.complete()),
  }));
}
