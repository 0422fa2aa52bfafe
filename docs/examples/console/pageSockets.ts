import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

/** The TCP connections over which each page receives, whatever its transport. */
export interface PageSockets {
  /** Remembers a connection of a page until `use`, the socket itself or a response, is closed. */
  readonly add: (page: string | null, socket: Socket, use: EventEmitter) => void;
  /** Resets the connections of a page without a goodbye; false if there is none. */
  readonly cut: (page: string) => boolean;
}

export function createPageSockets(): PageSockets {
  const pages = new Map<string, Set<Socket>>();
  return {
    add(page, socket, use) {
      if (page === null) return;
      const sockets = pages.get(page) ?? new Set();
      pages.set(page, sockets.add(socket));
      use.once('close', () => {
        sockets.delete(socket);
        if (sockets.size === 0 && pages.get(page) === sockets) pages.delete(page);
      });
    },
    cut(page) {
      const sockets = pages.get(page);
      sockets?.forEach((socket) => socket.resetAndDestroy());
      return sockets !== undefined;
    },
  };
}
