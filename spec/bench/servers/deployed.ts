/**
 * A server that is deployed again: node deployed.mjs <port> <folder of its store, or '' for none> [<address of a nats-server> …]. With nats-servers, it is
 * a node of a cluster. It drains at the message `drain`, and then exits.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { noop, Subject } from 'rxjs';
import { connect } from '@nats-io/transport-node';
import { lmdbStore } from '../../../lib/adapters/node/index.js';
import { listen } from '../../../lib/server/index.js';
import { natsCluster } from '../../../lib/stores/nats/index.js';
import type { Report } from '../remote.js';
import { cpuTime } from '../ways.js';

/** What it tells, by kind: `cpu` is what it has worked so far, in ms; `rss` in bytes. */
export interface DeployedReports {
  readonly ready: true;
  readonly usage: { readonly cpu: number; readonly rss: number; readonly wires: number };
}

const [port = '', path = '', ...servers] = process.argv.slice(2);
const tell = (report: Report<DeployedReports>): void => void process.send?.(report);
const store = path === '' ? undefined : lmdbStore({ path });
const cluster =
  servers.length === 0
    ? undefined
    : natsCluster({ connection: await connect({ servers, noAsyncTraces: true }), name: 'bench', node: `node-${port}`, replicas: 3 });
const shutdown$ = new Subject<void>();
const server = createServer();
let wires = 0;
listen(server, {
  shutdown$,
  connectionRate: false,
  maxConnections: 20_000,
  maxDetached: 20_000,
  ...(cluster && { cluster }),
  ...(store && { inbox: store.inbox, outbox: (pid) => store.outbox(pid) }),
}).subscribe({
  next: (wire) => {
    wires++;
    wire.subscribe({ next: noop, complete: () => wires-- });
  },
  complete: () => process.exit(),
});
process.on('disconnect', () => process.exit());
process.on('message', (asked) => {
  if (asked === 'drain') shutdown$.next();
  else {
    // The collection is not part of the work.
    const cpu = cpuTime();
    gc?.();
    tell({ kind: 'usage', value: { cpu, rss: process.memoryUsage().rss, wires } });
  }
});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4_096 });
await once(server, 'listening');
tell({ kind: 'ready', value: true });
