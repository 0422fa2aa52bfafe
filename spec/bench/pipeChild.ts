/** One end of a pipe, in a process of its own: node pipeChild.mjs <rxwire or ws> <bytes> [url]. Without a URL it receives. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable, Writable, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws';
import { connect, msgpack, webSocket } from '../../lib/index.js';
import { wireDuplex } from '../../lib/adapters/node/index.js';
import { listen } from '../../lib/server/index.js';
import type { PipeReport } from './pipe.js';

const [way = '', size = '', url] = process.argv.slice(2);
const bytes = Number(size);
const CHUNK = 65_536;

const tell = (report: PipeReport): void => void process.send?.(report);

let peak = 0;
setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 10).unref();

/** Reads all bytes, as a file does that is fast. */
async function receive(duplex: Duplex): Promise<void> {
  let received = 0;
  const sink = new Writable({
    write(chunk: Buffer, _, callback) {
      received += chunk.length;
      if (received === bytes) tell({ kind: 'received', value: received });
      callback();
    },
  });
  await pipeline(duplex, sink);
}

/** Makes bytes as fast as they are read: each chunk is new memory, as the chunks of a file are. */
function source(): Readable {
  let made = 0;
  return new Readable({
    highWaterMark: CHUNK,
    read() {
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK, bytes - made)).fill(made & 255);
      made += chunk.length;
      this.push(chunk.length > 0 ? chunk : null);
    },
  });
}

async function serve(): Promise<void> {
  const server = createServer();
  if (way === 'rxwire') listen(server).subscribe((wire) => void receive(wireDuplex(wire, 'pipe', { allowHalfOpen: false })));
  else new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => void receive(createWebSocketStream(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  tell({ kind: 'port', value: (server.address() as AddressInfo).port });
}

async function send(to: string): Promise<void> {
  if (way === 'rxwire') {
    const wire = connect({ link: webSocket(to), codec: msgpack() });
    const duplex = wireDuplex(wire, 'pipe');
    await pipeline(source(), duplex);
    duplex.destroy();
    wire.complete();
  } else await pipeline(source(), createWebSocketStream(new WebSocket(to, { perMessageDeflate: false })));
}

process.on('disconnect', () => process.exit());
process.on('message', (message) => {
  if (message === 'peak') tell({ kind: 'peak', value: peak });
  else if (url !== undefined) void send(url);
});
if (url === undefined) await serve();
else tell({ kind: 'port', value: 0 });
