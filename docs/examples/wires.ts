import { of } from 'rxjs';
import { reply } from 'rxwire';
import type { ServerWire } from 'rxwire/server';
import type { User } from './sessions.js';

/** What the application does with each wire: here it answers who is at the other end. */
export function serveWire(wire: ServerWire<User>): void {
  wire.pipe(reply({ 'app.who': () => of(wire.principal.name) })).subscribe(wire);
}
