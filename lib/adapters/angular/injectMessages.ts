import { DestroyRef, inject, NgZone, type InjectionToken } from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import type { Observable } from 'rxjs';
import type { Message, MessageType } from '../../message/types.js';
import { ofType, type MessageOf, type Selected, type TypeIn } from '../../operators/ofType.js';
import type { Wire } from '../../wire/wire.js';
import { inZone } from './inZone.js';
import { injectWire, readSelection } from './provideWire.js';

/**
 * Returns the messages of these types, from subscription until the injecting component, directive
 * or service is destroyed. A token in front selects another wire, and its types.
 *
 * @param types Exact names: no patterns.
 * @throws {Error} NG0203, outside of an injection context.
 * @example
 * import { scan } from 'rxjs';
 * import { injectMessages } from 'rxwire/angular';
 *
 * class Output {
 *   readonly text$ = injectMessages('execution.output').pipe(
 *     scan((all, { payload }) => all + payload.data, ''),
 *   );
 * }
 */
export function injectMessages<M extends Message, T extends TypeIn<M>>(
  token: InjectionToken<Wire<M>>,
  ...types: [T, ...T[]]
): Observable<Selected<M, T>>;
/** Returns the messages of these types of the wire of `WIRE`. */
export function injectMessages<T extends MessageType | (string & {})>(...types: [T, ...T[]]): Observable<MessageOf<T>>;
export function injectMessages(...selection: [(InjectionToken<Wire> | string)?, ...string[]]): Observable<Message> {
  const { token, types } = readSelection(selection);
  return injectWire(token).pipe(
    ofType(...(types as [string, ...string[]])),
    inZone(inject(NgZone)),
    takeUntilDestroyed(inject(DestroyRef)),
  );
}
