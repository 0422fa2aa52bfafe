/** The clients of deployClients.ts, of socket.io: node deploySocketIoClients.mjs <count> <URL>. */
import { once } from 'node:events';
import { io, type Socket } from 'socket.io-client';
import { createMessage } from '../../../lib/index.js';
import type { Report } from '../remote.js';
import type { DeployClientsReports } from './deployClients.js';

const [count = '', url = ''] = process.argv.slice(2);
const tell = (report: Report<DeployClientsReports>): void => void process.send?.(report);
process.on('disconnect', () => process.exit());

/** The number of clients that connect at once, at first. */
const AT_ONCE = 100;

const sockets: Socket[] = [];
const attempts: number[] = [];

function open(): Socket {
  const index = sockets.length;
  // Each has a connection of its own, and sends again until there is an ack.
  const socket = io(new URL(url).origin, { transports: ['websocket'], forceNew: true, retries: 100, ackTimeout: 10_000 });
  socket.io.on('reconnect_attempt', () => (attempts[index] = (attempts[index] ?? 0) + 1));
  sockets.push(socket);
  return socket;
}
const ask = (socket: Socket): Promise<unknown> => socket.emitWithAck('message', createMessage('bench.item', 'x'));

while (sockets.length < Number(count)) {
  const few = Array.from({ length: Math.min(AT_ONCE, Number(count) - sockets.length) }, open);
  await Promise.all(few.map(ask));
}
process.on('message', (asked) => {
  if (asked === 'up') attempts.splice(0, attempts.length, ...sockets.map(() => 0));
  if (asked !== 'watch') return;
  const all = Promise.all(
    sockets.map(async (socket) => {
      await once(socket as never, 'disconnect');
      await ask(socket);
    }),
  );
  // Without a store, the server knows no client again.
  void all.then(() =>
    tell({
      kind: 'back',
      value: { most: Math.max(...attempts), attempts: attempts.reduce((sum, each) => sum + each, 0), lost: sockets.length },
    }),
  );
  tell({ kind: 'ready', value: true });
});
tell({ kind: 'ready', value: true });
