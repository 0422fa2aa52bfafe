/** npm run server: receives readings until Ctrl-C. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { listen } from 'rxwire/server';
import { createService } from './service.js';

const { numbers, serve } = createService();
const server = createServer();
const wires = listen(server, { path: '/wire' }).subscribe(serve);
server.listen(Number(process.env['PORT'] ?? 4870), '127.0.0.1');
await once(server, 'listening');
console.log('the server listens');

/** Stops the server, and returns the number of readings that it has processed. */
export function stopServer(): number {
  wires.unsubscribe();
  server.close();
  return numbers.length;
}
