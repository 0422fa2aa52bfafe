/** A client that is measured from outside: node child.mjs <kind> <URL of the server> <options as JSON>. */
import { cpuTime } from '../ways.js';
import type { ClientReport, Run } from './client.js';
import { clients, type ClientOptions } from './clients.js';
import { work } from './work.js';

const [kind = '', url = '', options = ''] = process.argv.slice(2);
const openTask = clients[kind];
if (!openTask) throw new RangeError(`no client "${kind}"`);

const report = (message: ClientReport): void => void process.send?.(message);
process.on('disconnect', () => process.exit());
const task = await openTask(url, JSON.parse(options) as ClientOptions);
process.on('message', (asked: Run | 'cpu') => {
  if (asked === 'cpu') report({ kind: 'cpu', value: cpuTime() });
  else void work(task, asked).then((value) => report({ kind: 'ran', value }));
});
report({ kind: 'ready', value: true });
