import { DestroyRef, inject, NgZone } from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import type { Observable } from 'rxjs';
import type { MessageType } from '../message/types.js';
import { ofType, type MessageOf } from '../operators/ofType.js';
import { inZone } from './inZone.js';
import { injectWire } from './provideWire.js';

/**
 * The messages of these types, as they come, from when somebody subscribes until the component, directive or service that asks is destroyed.
 *
 * @param types Whole names: no patterns.
 * @throws {Error} NG0203, outside of an injection context.
 * @example
 * class Output {
 *   readonly text$ = injectMessages('execution.output').pipe(scan((all, { payload }) => all + payload.data, ''));
 * }
 */
export function injectMessages<T extends MessageType | (string & {})>(...types: [T, ...T[]]): Observable<MessageOf<T>> {
  return injectWire().pipe(ofType(...types), inZone(inject(NgZone)), takeUntilDestroyed(inject(DestroyRef)));
}
