import type { InjectionToken, Signal } from '@angular/core';
import { messageState } from '../../operators/sending/messageState.js';
import type { Receipt } from '../../message/receipt.js';
import type { Wire } from '../../wire/wire.js';
import { createStreamSignals, getterOf } from './streamSignals.js';
import { injectWire, WIRE } from './provideWire.js';

/**
 * Returns the latest receipt of one message as a signal, as {@link messageState} emits it: its
 * `status` is `queued`, `stored`, `sent`, `acked`, `refused`, `expired` or `dead`. `undefined` for
 * a message that the wire does not know, or does not remember. The signal follows the message until
 * the injecting object is destroyed.
 *
 * @param id The id of the message. A function, such as an `input()`, may return another id later;
 *   `undefined`: no message.
 * @throws {Error} NG0203, outside of an injection context.
 * @example
 * import { computed, input } from '@angular/core';
 * import { injectReceipt } from 'rxwire/angular';
 *
 * class Row {
 *   readonly id = input.required<string>();
 *   readonly receipt = injectReceipt(this.id);
 *   readonly text = computed(() => (this.receipt()?.status === 'acked' ? 'done' : 'waiting'));
 * }
 */
export function injectReceipt(id: string | (() => string | undefined), token: InjectionToken<Wire> = WIRE): Signal<Receipt | undefined> {
  const wire = injectWire(token);
  const read = getterOf(id);
  return createStreamSignals(read, read !== id)((one) => messageState(wire, one), undefined);
}
