import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { fromEvent, lastValueFrom, Subject, tap } from 'rxjs';
import { listen } from 'rxwire/server';
import { createSessions } from '../sessions.js';
import { serveWire } from '../wires.js';
import { createApp } from './app.js';

export interface Options {
  /** 0 takes any that is free. @default 4870 */
  readonly port?: number;
  /** How long requests may take when it stops, in ms. @default 5_000 */
  readonly grace?: number;
}

/** Routes and wires on one server, which ask the same sessions who is there. `close` lets the wires say goodbye first. */
export async function startServer({ port = 4870, grace = 5_000 }: Options = {}): Promise<FastifyInstance> {
  const sessions = createSessions();
  const app = createApp(sessions);
  const shutdown$ = new Subject<void>();
  const wires$ = listen(app.server, { path: '/wire', authenticate: ({ request }) => sessions.userOf(request), shutdown$ });
  const stopped = lastValueFrom(wires$.pipe(tap(serveWire)), { defaultValue: undefined });
  // Before Fastify waits for the connections: they would keep it.
  app.addHook('preClose', async () => {
    shutdown$.next();
    await stopped;
    // Connections that nothing comes over would keep it for longer.
    setTimeout(() => app.server.closeAllConnections(), grace).unref();
  });
  await app.listen({ port, host: '127.0.0.1' });
  return app;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const app = await startServer();
  fromEvent(process, 'SIGTERM').subscribe(() => void app.close());
}
