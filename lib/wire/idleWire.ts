import { NEVER } from 'rxjs';
import { ignoreExit } from '../message/development.js';
import { connect } from './connect.js';
import type { Wire } from './wire.js';

/**
 * Returns a wire that never connects. It accepts messages and keeps them. It replaces the wire of
 * an application while a server renders its page.
 */
export function createIdleWire(): Wire {
  const wire = connect({ link: () => NEVER });
  ignoreExit(wire);
  return wire;
}
