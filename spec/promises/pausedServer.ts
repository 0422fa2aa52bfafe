import { Pool } from 'pg';
import { firstValueFrom, type Observable } from 'rxjs';
import { postgresStore, type PostgresPool, type PostgresTransaction } from '../../lib/stores/postgres/index.js';

/**
 * A server that pauses in a transaction: node pausedServer.mjs <folder of the socket> <senders> <messages>. It stores this number of messages of each sender, and stops itself
 * before the commit of the next ones. When it continues, it prints their results.
 */
const [, , host = '', senders = '', messages = ''] = process.argv;
const pool = new Pool({ host, user: 'postgres', database: 'postgres' });
let pauses = false;
const pausing: PostgresPool = {
  connect: async () => {
    const client = await pool.connect();
    return {
      query: (statement) => {
        if (statement.text === 'commit' && pauses) {
          pauses = false;
          process.kill(process.pid, 'SIGSTOP');
        }
        return client.query(statement);
      },
      release: (destroy) => client.release(destroy),
      on: (event, listener) => client.on(event, listener),
      removeListener: (event, listener) => client.removeListener(event, listener),
    };
  },
};
const inbox = postgresStore({ pool: pausing, idleTimeout: 5_000 }).inbox;
const commitAll = (done: number): Promise<PromiseSettledResult<void>[]> =>
  Promise.allSettled(
    Array.from({ length: Number(senders) }, (_, index) => {
      const pid = `sender ${index}`;
      const effect = (transaction: PostgresTransaction): void =>
        transaction.query('insert into effects (name) values ($1)', [`${pid} ${done}${pauses ? ' late' : ''}`]);
      const lease = { pid, owner: 'paused', epoch: 1, n: 1 };
      return firstValueFrom(inbox.commit(lease, { done, finished: [] }, [{ effect }]) as Observable<void>);
    }),
  );
for (let done = 1; done <= Number(messages); done++) await commitAll(done);
pauses = true;
const results = await commitAll(Number(messages) + 1);
process.stdout.write(JSON.stringify(results.map(({ status }) => status)), () => process.exit());
