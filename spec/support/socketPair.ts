import type { Socket } from 'node:net';
import { firstValueFrom, ReplaySubject } from 'rxjs';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import { webSocket } from '../../lib/io/webSocket.js';
import type { Wire } from '../../lib/wire/wire.js';
import { wireServer } from './wireServer.js';

/** A client and a server with a real socket between them. */
export async function socketPair(onServerWire: (served: Wire) => void, options: Omit<ConnectOptions, 'link'> = {}) {
  const wires$ = new ReplaySubject<Wire>(1);
  const server = await wireServer((served) => {
    onServerWire(served);
    wires$.next(served);
  });
  const sockets: Socket[] = [];
  server.server.on('connection', (socket: Socket) => sockets.push(socket));
  const wire = connect({ link: webSocket(server.url), reconnect: { initialInterval: 10, jitter: 0 }, ...options });
  return {
    wire,
    served: await firstValueFrom(wires$),
    /** Each connection breaks; the server stays. */
    cut: (): void => sockets.splice(0).forEach((socket) => socket.destroy()),
    close: async (): Promise<void> => {
      wire.unsubscribe();
      await server.close();
    },
  };
}
