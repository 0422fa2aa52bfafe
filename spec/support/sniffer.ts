import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { WebSocket, type ClientOptions } from 'ws';
import type { WebSocketConstructor } from '../../lib/io/webSocketLike.js';

/** A TCP proxy that keeps all bytes of both directions. */
export async function sniffer(target: number) {
  const bytes: Buffer[] = [];
  const sockets = new Set<Socket>();
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on('data', (part: Buffer) => {
      bytes.push(part);
      to.write(part);
    });
    from.on('error', () => undefined);
    from.on('close', () => to.destroy());
  };
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    pass(near, far);
    pass(far, near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    /** All bytes until now, as text. */
    text: (): string => Buffer.concat(bytes).toString('latin1'),
    close: async (): Promise<void> => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}

/** A WebSocket whose frames are masked with zeros, so that their bytes can be read in transit. */
export const UnmaskedWebSocket = class extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { generateMask: (mask) => void mask.fill(0) } satisfies ClientOptions);
  }
} as unknown as WebSocketConstructor;
