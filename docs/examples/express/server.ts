import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { fromEvent, NEVER, type Observable } from 'rxjs';
import { listen } from 'rxwire/server';
import { createSessions } from '../sessions.js';
import { serveWire } from '../wires.js';
import { createApp } from './app.js';

export interface Options {
  /** 0 takes any that is free. @default 4870 */
  readonly port?: number;
  /** When it emits, the wires say goodbye, and then the server stops. @default never */
  readonly shutdown$?: Observable<unknown>;
  /** How long requests may take then, in ms. @default 5_000 */
  readonly grace?: number;
}

/** Routes and wires on one server, which ask the same sessions who is there. */
export async function startServer({ port = 4870, shutdown$ = NEVER, grace = 5_000 }: Options = {}): Promise<Server> {
  const sessions = createSessions();
  const server = createServer(createApp(sessions));
  const authenticate = sessions.userOf;
  // Not `app.listen`: that would make a server of its own.
  listen(server, { path: '/wire', authenticate: ({ request }) => authenticate(request), shutdown$ }).subscribe({
    next: serveWire,
    complete: () => {
      server.close();
      // Connections that nothing comes over would keep it for longer.
      setTimeout(() => server.closeAllConnections(), grace).unref();
    },
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await startServer({ shutdown$: fromEvent(process, 'SIGTERM') });
