import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { firstValueFrom, ReplaySubject, take, toArray, type Observable } from 'rxjs';
import { WebSocket, WebSocketServer, type ClientOptions } from 'ws';
import type { Frame } from '../../lib/io/link.js';

/** How a socket ended, as seen from one side. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/** The plain `ws` socket at the other end of what is under test, with all that it has got. */
export interface Peer {
  readonly socket: WebSocket;
  readonly frames$: Observable<Frame>;
  readonly ended: Promise<Ending>;
  /** The first `count` frames. */
  readonly frames: (count: number) => Promise<readonly Frame[]>;
}

export function peerOf(socket: WebSocket): Peer {
  const frames$ = new ReplaySubject<Frame>();
  const ended$ = new ReplaySubject<Ending>(1);
  socket.binaryType = 'arraybuffer';
  socket.on('error', () => undefined);
  socket.on('message', (data, isBinary) => frames$.next(isBinary ? new Uint8Array(data as ArrayBuffer) : (data as Buffer).toString()));
  socket.on('close', (code, reason) => {
    ended$.next({ code, reason: String(reason) });
    frames$.complete();
  });
  const frames = (count: number) => firstValueFrom(frames$.pipe(take(count), toArray()));
  return { socket, frames$, frames, ended: firstValueFrom(ended$) };
}

/** A plain client, once it is connected. */
export async function rawClient(url: string, options: ClientOptions = {}): Promise<Peer> {
  const socket = new WebSocket(url, options);
  const peer = peerOf(socket);
  await once(socket, 'open');
  return peer;
}

/** A plain server, and the peers that have connected to it. */
export async function socketServer() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const peers$ = new ReplaySubject<Peer>();
  server.on('connection', (socket) => peers$.next(peerOf(socket)));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `ws://127.0.0.1:${port}/`,
    server,
    /** The peer that connected as the `index`th, from 0. */
    peer: async (index = 0): Promise<Peer> => (await firstValueFrom(peers$.pipe(take(index + 1), toArray())))[index]!,
    close: async (): Promise<void> => {
      server.clients.forEach((socket) => socket.terminate());
      server.close();
      await once(server, 'close');
    },
  };
}
