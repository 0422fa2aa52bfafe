import { createContext, createElement, useContext, useSyncExternalStore, type ReactElement, type ReactNode } from 'react';
import { noop } from 'rxjs';
import type { AnyTypes, MessageIn } from '../../message/types.js';
import { createIdleWire } from '../../wire/idleWire.js';
import type { Wire } from '../../wire/wire.js';

export interface WireProviderProps {
  /**
   * The wire, or a function that creates it. Create either outside of all components: the function
   * is called once, in the browser only. While a server renders the page, and during hydration, the
   * components get a wire that does not connect.
   */
  readonly wire: Wire | (() => Wire);
  readonly children?: ReactNode;
}

const WireContext = /* @__PURE__ */ createContext<Wire | undefined>(undefined);
const created = /* @__PURE__ */ new WeakMap<() => Wire, Wire>();
let idleWire: Wire | undefined;

/**
 * Provides a wire to the hooks inside. It lives as long as the page: end it by `wire.complete()`.
 *
 * @example
 * import { createElement } from 'react';
 * import { connect, webSocket } from 'rxwire';
 * import { useConnection, WireProvider } from 'rxwire/react';
 *
 * const createWire = () => connect({ link: webSocket('wss://example.com/wire') });
 * const Banner = () => (useConnection().status === 'connected' ? null : 'offline');
 * const App = () => createElement(WireProvider, { wire: createWire }, createElement(Banner));
 */
export function WireProvider({ wire, children }: WireProviderProps): ReactElement {
  const isOnServer = useSyncExternalStore(subscribeToNothing, isNever, isAlways);
  return createElement(WireContext.Provider, { value: wireOf(wire, isOnServer) }, children);
}

const subscribeToNothing = (): (() => void) => noop;
const isNever = (): boolean => false;
const isAlways = (): boolean => true;

function wireOf(wire: Wire | (() => Wire), isOnServer: boolean): Wire {
  if (typeof wire !== 'function') return wire;
  if (isOnServer) return (idleWire ??= createIdleWire());
  const found = created.get(wire) ?? wire();
  created.set(wire, found);
  return found;
}

/**
 * Returns the wire of the nearest {@link WireProvider}.
 *
 * @throws {Error} If there is no provider.
 * @example
 * import { createMessage } from 'rxwire';
 * import { useWire } from 'rxwire/react';
 *
 * function useGreeting() {
 *   const wire = useWire();
 *   return (name: string) => wire.next(createMessage('chat.said', { text: `Hello, ${name}!` }));
 * }
 */
export function useWire<Types extends object = AnyTypes>(): Wire<MessageIn<Types>> {
  const wire = useContext(WireContext);
  if (!wire) throw new Error('useWire: the component must be inside of a WireProvider');
  return wire as unknown as Wire<MessageIn<Types>>;
}
