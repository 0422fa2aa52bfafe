import { createServer } from 'node:http';
import { once } from 'node:events';
import { Pool } from 'pg';
import { consume, type Message } from '../../../lib/index.js';
import { postgresStore, type PostgresPool, type PostgresTransaction } from '../../../lib/stores/postgres/index.js';
import { listen } from '../../../lib/server/index.js';

/**
 * A server that kills itself: node killedServer.mjs <folder of the socket> <port> <before | after>. It listens when its standard input says so, and ends at its first commit
 * with an effect: before PostgreSQL has received the commit, or after that and before the ack.
 */
const [, , host = '', port = '', moment = ''] = process.argv;
const pool = new Pool({ host, user: 'postgres', database: 'postgres' });
const die = (): void => void process.kill(process.pid, 'SIGKILL');

const killing: PostgresPool = {
  connect: async () => {
    const client = await pool.connect();
    let hasEffect = false;
    return {
      query: async (statement) => {
        if (statement.text === 'commit' && hasEffect && moment === 'before') die();
        const result = await client.query(statement);
        if (statement.text === 'commit' && hasEffect) die();
        if (statement.text.includes('effects')) hasEffect = true;
        return result;
      },
      release: (destroy) => client.release(destroy),
      on: (event, listener) => client.on(event, listener),
      removeListener: (event, listener) => client.removeListener(event, listener),
    };
  },
};
const effect = (transaction: PostgresTransaction, { id }: Message): void =>
  transaction.query('insert into effects (name) values ($1)', [id]);
const server = createServer();
listen(server, { inbox: postgresStore({ pool: killing }).inbox, connectionRate: false }).subscribe((wire) => {
  wire.pipe(consume(() => undefined, { effect, concurrency: 10 })).subscribe({ error: () => undefined });
});
process.stdout.write('ready');
await once(process.stdin, 'data');
server.listen(Number(port), '127.0.0.1');
