/** seq 1000 | npx tsx worker.ts <folder> [url]: works on the jobs that it reads, and keeps each result until the server has it, through any crash. */
import { createInterface } from 'node:readline';
import { connect, createMessage, webSocket } from 'rxwire';
import { lmdbOutbox } from 'rxwire/node';
import type {} from './messages.js';

const [folder = '.outbox', url = 'ws://127.0.0.1:4870/wire'] = process.argv.slice(2);
// Results of an earlier life are in the outbox: the wire sends them first.
const wire = connect({ link: webSocket(url), outbox: lmdbOutbox({ path: folder }), reconnect: { maxInterval: 2_000 } });

for await (const job of createInterface(process.stdin)) {
  const result = Number(job) ** 2;
  // It resolves when the outbox keeps the result: the job is done, whether or not there is a server now.
  await wire.send(createMessage('job.done', { job, result }), { until: 'stored' });
  console.log(job);
}
// Sends what is left. It fails when that takes longer than `drainTimeout`, and the next start sends the rest.
wire.subscribe({ error: (error: unknown) => console.error(String(error)) });
wire.complete();
