import { provideBrowserGlobalErrorListeners, type ApplicationConfig } from '@angular/core';
import { provideAppWire } from './app-wire';

/** @param slot The number of the tab, see `takeSlot`. */
export function createConfig(slot: number): ApplicationConfig {
  return { providers: [provideBrowserGlobalErrorListeners(), provideAppWire(slot)] };
}
