import { once } from 'node:events';
import { WebSocket } from 'ws';
import { NEVER, type Observable } from 'rxjs';
import { socketLink } from '../support/socketLink.js';
import type { Frame } from '../../lib/io/link.js';
import type { SocketOptions } from '../../lib/io/clientSocket.js';
import { webSocket } from '../../lib/io/webSocket.js';
import type { socketServer } from '../support/peer.js';
import { rawClient, type Peer } from '../support/peer.js';
import { record, type Recording } from '../support/record.js';

/** One open link over a real socket, and the plain socket at its other end. */
export interface OpenLink {
  readonly link: Recording<Frame>;
  readonly peer: Peer;
  /** The socket under the link. */
  readonly socket: WebSocket;
}

type Open = (outgoing?: Observable<Frame>, options?: SocketOptions) => Promise<OpenLink>;
type Server = Awaited<ReturnType<typeof socketServer>>;

/** The two ways to have a link over a socket: it connects, or it was accepted. */
export const ends: readonly (readonly [name: string, open: (server: Server) => Open])[] = [
  [
    'a client',
    (server) => {
      let opened = 0;
      return async (outgoing = NEVER, options = {}) => {
        let socket: WebSocket | undefined;
        const Spied = function (url: string, protocols: string[]) {
          return (socket = new WebSocket(url, protocols));
        } as never;
        const link = record(webSocket(server.url, { ...options, WebSocket: Spied })(outgoing));
        const peer = await server.peer(opened++);
        if (socket!.readyState === WebSocket.CONNECTING) await once(socket!, 'open');
        return { link, peer, socket: socket! };
      };
    },
  ],
  [
    'a server',
    (server) =>
      async (outgoing = NEVER, options = {}) => {
        const [[accepted], peer] = await Promise.all([once(server.server, 'connection') as Promise<[WebSocket]>, rawClient(server.url)]);
        // Without the listeners of the test: those of the link have to do.
        accepted.removeAllListeners('error').removeAllListeners('message');
        const link = record(socketLink(accepted, options)(outgoing));
        return { link, peer, socket: accepted };
      },
  ],
];
