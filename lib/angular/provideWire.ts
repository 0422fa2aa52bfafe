import {
  DestroyRef,
  inject,
  InjectionToken,
  makeEnvironmentProviders,
  NgZone,
  PLATFORM_ID,
  type EnvironmentProviders,
} from '@angular/core';
import { NEVER } from 'rxjs';
import { connect } from '../wire/connect.js';
import type { Wire } from '../wire/wire.js';

/** Where {@link provideWire} puts the wire, unless told otherwise. */
export const WIRE = /* @__PURE__ */ new InjectionToken<Wire>('rxwire');

export interface ProvideWireOptions {
  /** Where it can be injected from: a token of your own for each of several wires. @default WIRE */
  readonly token?: InjectionToken<Wire>;
  /** Whether to connect while a page is rendered on the server; without, the wire is there, and waits. @default false */
  readonly connectOnServer?: boolean;
}

/**
 * Provides a wire: made when it is first injected, and completed (it drains, then closes) when the injector is destroyed, which for
 * `bootstrapApplication` is with the application, for a route's `providers` with that route.
 *
 * It is made outside of Angular's zone, if there is one: its timers neither start change detection nor keep the application from becoming stable.
 * {@link injectMessages} and {@link injectConnection} lead back into the zone; who subscribes to the wire itself is outside, which only matters with zone.js.
 *
 * @param make Called in an injection context: `inject` works in it.
 * @example
 * const providers = [provideWire(() => connect({ link: webSocket('wss://example.com/wire') }))]; // of bootstrapApplication, or of a route
 */
export function provideWire(make: () => Wire, options: ProvideWireOptions = {}): EnvironmentProviders {
  const { token = WIRE, connectOnServer = false } = options;

  const useFactory = (): Wire => {
    const isOnServer = inject(PLATFORM_ID, { optional: true }) === 'server';
    const makeWire = isOnServer && !connectOnServer ? waiting : make;
    const wire = inject(NgZone).runOutsideAngular(makeWire);
    inject(DestroyRef).onDestroy(() => wire.complete());
    return wire;
  };
  return makeEnvironmentProviders([{ provide: token, useFactory }]);
}

/**
 * The wire that {@link provideWire} provides.
 *
 * @throws {Error} NG0201, if there is none; NG0203, outside of an injection context.
 * @example
 * class Orders {
 *   readonly wire = injectWire();
 * }
 */
export function injectWire(token: InjectionToken<Wire> = WIRE): Wire {
  return inject(token);
}

/** A wire that never connects: it takes messages, and keeps them. */
function waiting(): Wire {
  return connect({ link: () => NEVER });
}
