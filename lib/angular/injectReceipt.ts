import { computed, inject, NgZone, type InjectionToken, type Signal } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { EMPTY, switchMap } from 'rxjs';
import type { Receipt } from '../message/receipt.js';
import type { Wire } from '../wire/wire.js';
import { inZone } from './inZone.js';
import { injectWire, WIRE } from './provideWire.js';
import { reading, valuesOf } from './valuesOf.js';

/**
 * Returns the latest receipt of one message as a signal, as {@link Wire.messageState} emits it: its
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
  const zone = inject(NgZone);
  const read = reading(id);

  const follow = (one: string | undefined) => (one === undefined ? EMPTY : wire.messageState(one).pipe(inZone(zone)));
  const latest = toSignal(valuesOf(read, read !== id).pipe(switchMap(follow)));
  // Until the effect has run, the latest receipt is that of the former message.
  return computed(() => {
    const receipt = latest();
    return receipt && receipt.id === read() ? receipt : undefined;
  });
}
