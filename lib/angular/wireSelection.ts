import type { InjectionToken } from '@angular/core';
import type { Wire } from '../wire/wire.js';
import { WIRE } from './provideWire.js';

/** A wire, and types of its messages. */
interface WireSelection {
  readonly token: InjectionToken<Wire>;
  readonly types: readonly string[];
}

/**
 * Reads arguments: types of messages, and in front of them the token of their wire, unless it is
 * the default one.
 */
export function readSelection([first = WIRE, ...types]: readonly [(InjectionToken<Wire> | string)?, ...string[]]): WireSelection {
  return typeof first === 'string' ? { token: WIRE, types: [first, ...types] } : { token: first, types };
}
