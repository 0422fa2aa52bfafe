import { of } from 'rxjs';
import { reply } from 'rxwire';
import type { ServerWire } from 'rxwire/server';
import type { User } from './sessions.js';

/** Handles each wire: answers the request `app.who` with the name of the user. */
export function serveWire(wire: ServerWire<User>): void {
  wire.pipe(reply({ 'app.who': () => of(wire.principal.name) })).subscribe(wire);
}
