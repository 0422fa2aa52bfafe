import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { fromEvent, NEVER, type Observable } from 'rxjs';
import { listen } from 'rxwire/server';
import { createSessions } from './sessions.js';
import { serveWire } from './wires.js';
import { createApp } from './app.js';

export interface Options {
  /** The port to listen on; 0: any free port. @default 4870 */
  readonly port?: number;
  /** Stops the wires when it emits, and then the server. @default never */
  readonly shutdown$?: Observable<unknown>;
  /** How long open requests may take after the wires have stopped, in ms. @default 5_000 */
  readonly grace?: number;
}

/** Starts a server for routes and wires, which share the sessions. */
export async function startServer({ port = 4870, shutdown$ = NEVER, grace = 5_000 }: Options = {}): Promise<Server> {
  const sessions = createSessions();
  const server = createServer(createApp(sessions));
  const authenticate = sessions.userOf;
  // Not `app.listen`, which would create another server.
  listen(server, { path: '/wire', authenticate: ({ request }) => authenticate(request), shutdown$ }).subscribe({
    next: serveWire,
    complete: () => {
      server.close();
      // Idle connections would keep the server open.
      setTimeout(() => server.closeAllConnections(), grace).unref();
    },
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.env['PORT'] ?? 4870);
  await startServer({ port, shutdown$: fromEvent(process, 'SIGTERM') });
  console.log(`http://127.0.0.1:${port}`);
}
