import { inject, type App, type InjectionKey } from 'vue';
import type { AnyTypes, MessageIn } from '../../message/types.js';
import { createIdleWire } from '../../wire/idleWire.js';
import type { Wire } from '../../wire/wire.js';
import { isOnServer } from './latestRef.js';

/** Returns the wire of an application. */
type WireSource = () => Wire;

const WIRE: InjectionKey<WireSource> = /* @__PURE__ */ Symbol('rxwire');
let idleWire: Wire | undefined;

/**
 * Returns a plugin that provides a wire to the composables of all components.
 *
 * @param wire The wire, or a function that creates it. The function is called once, when the wire
 *   is first used in a browser; the wire completes (it drains, then closes) when the application is
 *   unmounted. While a server renders the page, the components get a wire that does not connect.
 * @example
 * import { createApp } from 'vue';
 * import { connect, webSocket } from 'rxwire';
 * import { createWirePlugin } from 'rxwire/vue';
 *
 * const app = createApp({ template: '<p>Hello</p>' });
 * app.use(createWirePlugin(() => connect({ link: webSocket('wss://example.com/wire') })));
 */
export function createWirePlugin(wire: Wire | (() => Wire)): { readonly install: (app: App) => void } {
  return {
    install(app) {
      if (typeof wire !== 'function') {
        app.provide(WIRE, () => wire);
        return;
      }
      let created: Wire | undefined;
      app.provide(WIRE, () => {
        if (isOnServer()) return (idleWire ??= createIdleWire());
        return (created ??= wire());
      });
      app.onUnmount(() => created?.complete());
    },
  };
}

/**
 * Returns the wire that {@link createWirePlugin} provides.
 *
 * @throws {Error} If there is none, or outside of `setup`.
 * @example
 * import { createMessage } from 'rxwire';
 * import { useWire } from 'rxwire/vue';
 *
 * function useGreeting() {
 *   const wire = useWire();
 *   return (name: string) => wire.next(createMessage('chat.said', { text: `Hello, ${name}!` }));
 * }
 */
export function useWire<Types extends object = AnyTypes>(): Wire<MessageIn<Types>> {
  const source = inject(WIRE, undefined);
  if (!source) throw new Error('useWire: the application must use the plugin of createWirePlugin');
  return source() as unknown as Wire<MessageIn<Types>>;
}
