import { inject, NgZone, type InjectionToken, type Signal } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import type { ConnectionState } from '../../wire/connectionState.js';
import type { Wire } from '../../wire/wire.js';
import { inZone } from './inZone.js';
import { injectWire, WIRE } from './provideWire.js';

/**
 * Returns the connection state of the wire as a signal: its status, the time of the next attempt,
 * its counters. The signal follows the wire until the injecting object is destroyed; meanwhile the
 * counters are read once a second.
 *
 * @throws {Error} NG0203, outside of an injection context.
 * @example
 * import { injectConnection } from 'rxwire/angular';
 *
 * class Banner {
 *   readonly connection = injectConnection();
 *   readonly text = () => (this.connection().status === 'connected' ? '' : 'offline');
 * }
 */
export function injectConnection(token: InjectionToken<Wire> = WIRE): Signal<ConnectionState> {
  const wire = injectWire(token);
  return toSignal(wire.state$.pipe(inZone(inject(NgZone))), { initialValue: wire.state });
}
