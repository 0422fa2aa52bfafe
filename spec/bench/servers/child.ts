/** A server that is measured from outside: node --expose-gc child.mjs <what it serves, and its options as JSON>. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuTime } from '../ways.js';
import type { Asked, Told, Usage } from './server.js';
import { servers } from './servers.js';

const [kind = '', options = '{}'] = process.argv.slice(2);
const serve = servers[kind];
if (!serve) throw new RangeError(`no server "${kind}"`);

const tell = (told: Told): void => void process.send?.(told);
const server = createServer();
const served = await serve(server, JSON.parse(options) as object);

/** What is alive: a collection finds garbage that the finalizers of an earlier one have left. */
async function usage(): Promise<Usage> {
  for (let time = 0; time < 3; time++) {
    gc?.();
    await sleep(50);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external, connections: served.connections(), dropped: served.dropped?.() ?? 0 };
}

process.on('message', (asked: Asked) => {
  if (asked === 'usage') void usage().then((value) => tell({ kind: 'usage', value }));
  else if (asked === 'publish') served.publish?.();
  else tell({ kind: 'cpu', value: cpuTime() });
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1');
await once(server, 'listening');
tell({ kind: 'port', value: (server.address() as AddressInfo).port });
