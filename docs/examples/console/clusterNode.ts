import { connect } from '@nats-io/transport-node';
import { fromEvent, merge, take } from 'rxjs';
import { natsCluster } from 'rxwire/nats';
import { startConsole } from './server.js';

/** One node of a cluster of consoles: `npm run cluster` starts three. `NATS` and `HOSTS` are lists, separated by commas. */
async function main(): Promise<void> {
  const { PORT, NODE = 'a', NATS = '127.0.0.1:4222', HOSTS = '' } = process.env;
  const connection = await connect({ servers: NATS.split(','), maxReconnectAttempts: -1 });
  const onError = (error: Error): void => console.error(`node ${NODE}: ${error.message}`);
  const cluster = natsCluster({ connection, name: 'console', replicas: 3, node: NODE, onError });
  const { url, close } = await startConsole({ port: Number(PORT ?? 4870), cluster, hosts: HOSTS.split(',') });
  console.log(`node ${NODE}: ${url}`);
  merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM'))
    .pipe(take(1))
    .subscribe(() => void close().then(() => connection.close()));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
