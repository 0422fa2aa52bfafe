import { inject, NgZone, type InjectionToken, type Signal } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { pendingOfTypes, type PendingMessage } from '../../operators/sending/pendingOf.js';
import type { Message, MessageType } from '../../message/types.js';
import type { MessageOf, Selected, TypeIn } from '../../operators/ofType.js';
import type { Wire } from '../../wire/wire.js';
import { inZone } from './inZone.js';
import { injectWire, readSelection } from './provideWire.js';

/**
 * Returns the messages that have no outcome yet as a signal, as `pendingOf` lists them: all,
 * or those of some types. With a durable outbox, those that an earlier page has left are among
 * them. The signal follows the wire until the injecting object is destroyed. The list is empty when
 * a durable outbox is not open yet.
 *
 * @param types Exact names: no patterns.
 * @default all types
 * @throws {Error} NG0203, outside of an injection context.
 * @example
 * import { computed } from '@angular/core';
 * import { injectPending } from 'rxwire/angular';
 *
 * class Outbox {
 *   readonly rows = injectPending('chat.said');
 *   readonly text = computed(() => `${this.rows().length} messages are not sent yet`);
 * }
 */
export function injectPending(token?: InjectionToken<Wire>): Signal<readonly PendingMessage[]>;
/** Returns the pending messages of these types, with the types of the token. */
export function injectPending<M extends Message, T extends TypeIn<M>>(
  token: InjectionToken<Wire<M>>,
  ...types: [T, ...T[]]
): Signal<readonly PendingMessage<Selected<M, T>>[]>;
/** Returns the pending messages of these types of the wire of `WIRE`. */
export function injectPending<T extends MessageType | (string & {})>(
  ...types: [T, ...T[]]
): Signal<readonly PendingMessage<MessageOf<T>>[]>;
export function injectPending(...selection: [(InjectionToken<Wire> | string)?, ...string[]]): Signal<readonly unknown[]> {
  const { token, types } = readSelection(selection);
  return toSignal(pendingOfTypes(injectWire(token), types).pipe(inZone(inject(NgZone))), { requireSync: true });
}
