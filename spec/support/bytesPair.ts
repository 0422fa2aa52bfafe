import type { Socket } from 'node:net';
import { firstValueFrom, ReplaySubject } from 'rxjs';
import { msgpack } from '../../lib/codec/msgpack.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { wireServer } from './wireServer.js';

/** A client and a server with a real socket between them, and a codec that supports bytes. */
export async function bytesPair(
  onServerWire: (served: Wire) => void = () => undefined,
  options: Omit<ConnectOptions, 'link'> = {},
  port = 0,
) {
  const wires$ = new ReplaySubject<Wire>(1);
  const server = await wireServer(
    (served) => {
      onServerWire(served);
      wires$.next(served);
    },
    {},
    port,
  );
  const sockets: Socket[] = [];
  server.server.on('connection', (socket: Socket) => sockets.push(socket));
  const wire = connect({ link: webSocket(server.url), reconnect: { initialInterval: 10, jitter: 0 }, codec: msgpack(), ...options });
  return {
    url: server.url,
    wire,
    served: await firstValueFrom(wires$),
    /** Each connection breaks; the server stays. */
    cut: (): void => sockets.splice(0).forEach((socket) => socket.destroy()),
    /** The server ends, and the client stays. */
    stop: server.close,
    close: async (): Promise<void> => {
      wire.unsubscribe();
      await server.close();
    },
  };
}
