import { DestroyRef, inject, NgZone } from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import type { Observable } from 'rxjs';
import type { MessageType } from '../message/types.js';
import { ofType, type MessageOf } from '../operators/ofType.js';
import { inZone } from './inZone.js';
import { injectWire } from './provideWire.js';

/**
 * Returns the messages of these types, from subscription until the injecting component, directive or service is destroyed.
 *
 * @param types Exact names: no patterns.
 * @throws {Error} NG0203, outside of an injection context.
 * @example
 * class Output {
 *   readonly text$ = injectMessages('execution.output').pipe(scan((all, { payload }) => all + payload.data, ''));
 * }
 */
export function injectMessages<T extends MessageType | (string & {})>(...types: [T, ...T[]]): Observable<MessageOf<T>> {
  return injectWire().pipe(ofType(...types), inZone(inject(NgZone)), takeUntilDestroyed(inject(DestroyRef)));
}
