import {
  DestroyRef,
  inject,
  InjectionToken,
  makeEnvironmentProviders,
  NgZone,
  PLATFORM_ID,
  type EnvironmentProviders,
} from '@angular/core';
import { checkOptions } from '../../message/development.js';
import type { AnyTypes, Message, MessageIn } from '../../message/types.js';
import { createIdleWire } from '../../wire/idleWire.js';
import type { Wire } from '../../wire/wire.js';

/** The default token of {@link provideWire}. */
export const WIRE = /* @__PURE__ */ new InjectionToken<Wire>('rxwire');

export interface ProvideWireOptions<M extends Message = Message> {
  /** The token of the wire: one for each wire, or for a map of types. @default WIRE */
  readonly token?: InjectionToken<Wire<M>>;
  /** Whether the wire connects during server-side rendering, too. @default false */
  readonly connectOnServer?: boolean;
}

/**
 * Provides a wire. It is created when it is first injected, and completed (it drains, then closes)
 * when the injector is destroyed: for `bootstrapApplication` with the application, for the
 * `providers` of a route with that route.
 *
 * It is created outside Angular's zone, if there is one: its timers neither start change detection
 * nor keep the application from becoming stable. {@link injectMessages} and the signals of this
 * entry point emit inside the zone. A direct subscription to the wire emits outside, which matters
 * only with zone.js.
 *
 * @param make Called in an injection context: `inject` works in it.
 * @example
 * import { connect, webSocket } from 'rxwire';
 * import { provideWire } from 'rxwire/angular';
 *
 * const providers = [provideWire(() => connect({ link: webSocket('wss://example.com/wire') }))]; // of bootstrapApplication, or of a route
 */
export function provideWire<M extends Message = Message>(make: () => Wire<M>, options: ProvideWireOptions<M> = {}): EnvironmentProviders {
  checkOptions('provideWire', options);
  const { token = WIRE, connectOnServer = false } = options;

  const useFactory = (): Wire => {
    const isIdle = inject(PLATFORM_ID, { optional: true }) === 'server' && !connectOnServer;
    const wire: Wire = inject(NgZone).runOutsideAngular(isIdle ? createIdleWire : make);
    // An idle wire would wait for its `drainTimeout`, and fail: the browser sends its own messages.
    inject(DestroyRef).onDestroy(() => (isIdle ? wire.unsubscribe() : wire.complete()));
    return wire;
  };
  return makeEnvironmentProviders([{ provide: token, useFactory }]);
}

/**
 * Returns the wire of {@link provideWire}, with the types of its token, or of a map.
 *
 * @throws {Error} NG0201, if there is none; NG0203, outside of an injection context.
 * @example
 * import { connect, webSocket } from 'rxwire';
 * import { injectWire } from 'rxwire/angular';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * class Orders {
 *   readonly wire = injectWire();
 * }
 */
export function injectWire<M extends Message>(token: InjectionToken<Wire<M>>): Wire<M>;
/** Returns the wire of `WIRE`, with the types of a map. */
export function injectWire<Types extends object = AnyTypes>(): Wire<MessageIn<Types>>;
export function injectWire(token: InjectionToken<Wire> = WIRE): Wire {
  return inject(token);
}

/** Reads types of messages, and the token in front of them, unless it is the default one. */
export function readSelection([first = WIRE, ...types]: readonly [(InjectionToken<Wire> | string)?, ...string[]]) {
  return typeof first === 'string' ? { token: WIRE, types: [first, ...types] } : { token: first, types };
}
