import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import { EMPTY } from 'rxjs';
import { createMessage, ofType, reply, type Wire } from '../../lib/index.js';
import { listen } from '../../lib/server/index.js';

/** The port that the docs give to the server of the console. */
export const PORT = '4870';

/** Serves wires on a free port, as the console does: runs what it is sent, and answers requests for files. */
export async function openTown(): Promise<string> {
  const server = createServer();
  listen(server).subscribe(serve);
  return portOf(server);
}

/** A port for an example that brings its own server. */
export async function freePort(): Promise<string> {
  const server = createServer();
  const port = await portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function portOf(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return String((server.address() as AddressInfo).port);
}

function serve(wire: Wire): void {
  wire.pipe(reply({ 'files.list': () => EMPTY })).subscribe(wire);
  wire.pipe(ofType('execution.start')).subscribe(({ payload: { data, ...execution } }) => {
    const log = (...values: unknown[]): void =>
      wire.next(createMessage('execution.output', { ...execution, data: `${values.join(' ')}\n` }));
    runInNewContext(data, { console: { log } });
    wire.next(createMessage('execution.complete', { ...execution, data: { exitCode: 0, duration: 1 } }));
  });
}
