/** npx tsx wireToStdout.ts [port] | grep error: writes the bytes of each client to stdout, as fast as stdout takes them. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { wireDuplex } from 'rxwire/node';
import { listen, type ServerWire } from 'rxwire/server';

const [port = '4870'] = process.argv.slice(2);
const server = createServer();

async function print(wire: ServerWire): Promise<void> {
  // Without `allowHalfOpen`, the stream ends its own direction when the client has ended the other one.
  const bytes = wireDuplex(wire, 'stdin', { allowHalfOpen: false });
  try {
    await pipeline(bytes, process.stdout, { end: false });
  } catch (error) {
    // `head` has read enough: there is nobody to write to any more. The client learns that its bytes were not read.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') stop();
    else console.error(String(error));
  }
}

const serving = listen(server, { path: '/wire' }).subscribe((wire) => void print(wire));

function stop(): void {
  serving.unsubscribe();
  server.close();
}

server.listen(Number(port), '127.0.0.1');
await once(server, 'listening');
console.error(`listening on ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`);
