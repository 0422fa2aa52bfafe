import { inject, InjectionToken, type EnvironmentProviders } from '@angular/core';
import { connect, webSocket, type MessageIn, type Wire } from 'rxwire';
import { provideWire } from 'rxwire/angular';
import { indexedDbOutbox } from 'rxwire/indexeddb';
import type { AppMessages } from './messages';
import { Network } from './network';

/** The wire of this page. The token carries the types of its messages to each `inject…(APP_WIRE)`. */
export const APP_WIRE = new InjectionToken<Wire<MessageIn<AppMessages>>>('APP_WIRE');

/** Provides a wire whose unsent messages survive a reload. */
export function provideAppWire(slot: number): EnvironmentProviders {
  const connectAppWire = () =>
    connect<AppMessages>({
      link: inject(Network).layer(webSocket(`${location.origin.replace(/^http/, 'ws')}/wire`)),
      outbox: indexedDbOutbox(`notes-${slot}`),
    });
  return provideWire(connectAppWire, { token: APP_WIRE });
}
