/** A server of socket.io that is deployed again, as deployed.ts is: node deployedSocketIo.mjs <port>. It has no store: its clients send again what has no ack. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import type { Report } from '../remote.js';
import { cpuTime } from '../ways.js';
import type { DeployedReports } from './deployed.js';

const [port = ''] = process.argv.slice(2);
const tell = (report: Report<DeployedReports>): void => void process.send?.(report);
const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false, perMessageDeflate: false, httpCompression: false });
io.on('connection', (socket) => socket.on('message', (_: unknown, ack: () => void) => ack()));
process.on('disconnect', () => process.exit());
process.on('message', (asked) => {
  if (asked === 'drain') void io.close().finally(() => process.exit());
  else {
    gc?.();
    tell({ kind: 'usage', value: { cpu: cpuTime(), rss: process.memoryUsage().rss, wires: io.engine.clientsCount } });
  }
});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4_096 });
await once(server, 'listening');
tell({ kind: 'ready', value: true });
