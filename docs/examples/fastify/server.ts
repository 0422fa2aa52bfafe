import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { fromEvent, lastValueFrom, Subject, tap } from 'rxjs';
import { listen } from 'rxwire/server';
import { createSessions } from './sessions.js';
import { serveWire } from './wires.js';
import { createApp } from './app.js';

export interface Options {
  /** The port to listen on; 0: any free port. @default 4870 */
  readonly port?: number;
  /** How long open requests may take after the wires have stopped, in ms. @default 5_000 */
  readonly grace?: number;
}

/** Starts a server for routes and wires, which share the sessions. `close` stops the wires first. */
export async function startServer({ port = 4870, grace = 5_000 }: Options = {}): Promise<FastifyInstance> {
  const sessions = createSessions();
  const app = createApp(sessions);
  const shutdown$ = new Subject<void>();
  const wires$ = listen(app.server, { path: '/wire', authenticate: ({ request }) => sessions.userOf(request), shutdown$ });
  const stopped = lastValueFrom(wires$.pipe(tap(serveWire)), { defaultValue: undefined });
  // This runs before Fastify waits for the connections of the wires to end.
  app.addHook('preClose', async () => {
    shutdown$.next();
    await stopped;
    // Idle connections would keep the server open.
    setTimeout(() => app.server.closeAllConnections(), grace).unref();
  });
  await app.listen({ port, host: '127.0.0.1' });
  return app;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.env['PORT'] ?? 4870);
  const app = await startServer({ port });
  fromEvent(process, 'SIGTERM').subscribe(() => void app.close());
  console.log(`http://127.0.0.1:${port}`);
}
