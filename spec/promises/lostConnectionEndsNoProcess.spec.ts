import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { postgresStore, postgresMigration } from '../../lib/stores/postgres/index.js';
import { describeWith } from '../support/debian.js';
import { leaseOf } from '../support/inboxes.js';
import { ready } from '../support/outboxCases.js';
import { startPostgres, type PostgresServer } from '../support/postgresServer.js';

const SOCKET = '.s.PGSQL.5432';

/** A socket of PostgreSQL whose connections deliver what the server has sent at once, when the server has closed them. */
async function delayedSocket(host: string) {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-delayed-'));
  const server = createServer((client) => {
    const upstream = connect(join(host, SOCKET));
    const received: Buffer[] = [];
    client.pipe(upstream);
    client.on('error', () => undefined);
    upstream.on('error', () => undefined);
    upstream.on('data', (bytes) => received.push(bytes));
    upstream.on('close', () => client.end(Buffer.concat(received)));
  });
  server.listen(join(folder, SOCKET));
  await once(server, 'listening');
  return {
    host: folder,
    close: (): void => {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The connections here have no other listeners: an error that no listener receives fails the test. */
describeWith('postgresql', 'A lost connection to PostgreSQL', (program) => {
  let server: PostgresServer;
  let admin: Pool;
  let pool: Pool | undefined;
  beforeAll(async () => {
    server = await startPostgres(program);
    admin = server.pool();
    await admin.query(postgresMigration());
  }, 60_000);
  afterEach(() => pool?.end());
  afterAll(() => server.close());

  const openPool = (host: string): Pool =>
    (pool = new Pool({ host, user: 'postgres', database: 'postgres', application_name: 'lost', connectionTimeoutMillis: 20_000 }));
  /** Ends the connection when it waits for a statement. */
  const terminate = async (): Promise<void> => {
    const idle = "from pg_stat_activity where application_name = 'lost' and state = 'idle'";
    for (const end = performance.now() + 10_000; (await admin.query(`select pg_terminate_backend(pid) ${idle}`)).rowCount !== 1;)
      if (performance.now() > end) throw new Error('no connection waits for a statement');
  };

  it('ends no process when it is lost at the moment at which it opens', async () => {
    const socket = await delayedSocket(server.host);
    const commit = ready(postgresStore({ pool: openPool(socket.host) }).inbox.commit(leaseOf('ann'), { done: 1, finished: [] }, []));
    const result = expect(commit).rejects.toMatchObject({ code: 'ERR_STORE', store: 'postgres', fault: 'failed' });
    await terminate();
    await result;
    socket.close();
  });

  it('ends no process while it is not in use', async () => {
    const inbox = postgresStore({ pool: openPool(server.host) }).inbox;
    await ready(inbox.commit(leaseOf('ann'), { done: 1, finished: [] }, []));
    const removed = new Promise((resolve) => pool!.once('remove', resolve));
    await terminate();
    await removed;
    await ready(inbox.commit(leaseOf('ann'), { done: 2, finished: [] }, []));
  });

  it('has one listener for each pool, although several inboxes use the pool', () => {
    const one = openPool(server.host);
    for (let index = 0; index < 20; index++) postgresStore({ pool: one });
    expect([one.listenerCount('error'), one.listenerCount('connect')]).toEqual([1, 1]);
  });
});
