import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Subject } from 'rxjs';
import type { RxwireError } from '../../lib/message/errors.js';
import { listen, type ListenOptions } from '../../lib/server/listen.js';
import type { Principal } from '../../lib/server/principal.js';
import type { Wire } from '../../lib/wire/wire.js';

/** A real HTTP server with wires on it. */
export async function wireServer(onWire: (wire: Wire) => void, options: ListenOptions<Principal | undefined> = {}, atPort = 0) {
  const server = createServer((_, response) => response.writeHead(404).end());
  const refused$ = new Subject<RxwireError>();
  const subscription = listen(server, { ...options, onRefused: (error) => refused$.next(error) }).subscribe(onWire);
  server.listen(atPort, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    server,
    refused$,
    url: `ws://127.0.0.1:${port}/wire`,
    /** Stops listening; the HTTP server stays. */
    stop: (): void => subscription.unsubscribe(),
    close: async (): Promise<void> => {
      subscription.unsubscribe();
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}
