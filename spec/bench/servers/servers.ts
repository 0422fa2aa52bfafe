import type { Server } from 'node:http';
import { noop } from 'rxjs';
import { WebSocketServer } from 'ws';
import { listen, type ListenOptions } from '../../../lib/server/index.js';

/** What a server tells of itself. */
export interface Served {
  connections(): number;
}

/** Wires as an application has them: it listens to each. */
function rxwire(server: Server, options: ListenOptions): Served {
  let count = 0;
  listen(server, options).subscribe((wire) => {
    count++;
    wire.subscribe({ next: noop, complete: () => count-- });
  });
  return { connections: () => count };
}

/** What one would write without rxwire. */
function ws(server: Server): Served {
  const sockets = new WebSocketServer({ server, path: '/wire', perMessageDeflate: false, maxPayload: 1024 * 1024 });
  sockets.on('connection', (socket) => {
    socket.on('message', noop);
    socket.on('error', noop);
  });
  return { connections: () => sockets.clients.size };
}

export const servers: Readonly<Record<string, (server: Server, options: object) => Served>> = { rxwire, ws };
