/** A node of killedNode.spec.ts, a process of its own: its model counts for ever. Prints its port, then each question. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from '@nats-io/transport-node';
import { serveChat, type ChatHandler } from '../../../lib/adapters/ai/index.js';
import { hub } from '../../../lib/server/hub/hub.js';
import { listen } from '../../../lib/server/listen.js';
import { natsCluster } from '../../../lib/stores/nats/index.js';
import { CountingModel } from './chatModel.js';

const connection = await connect({ servers: process.argv[2] ?? '' });
const cluster = natsCluster({ connection });
const rooms = hub({ log: cluster.log, authorize: ({ action }) => action === 'join' });
const model = new CountingModel(100_000);
const answer: ChatHandler = (turn) => {
  process.stdout.write('asked\n');
  return model.answer(turn);
};
const chat = serveChat(rooms, answer, { cluster });
const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
listen(server, { cluster }).subscribe((wire) => {
  rooms.serve(wire);
  chat(wire);
});
process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
