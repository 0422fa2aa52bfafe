import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import { postgresStore, postgresMigration, type PostgresInbox, type PostgresTransaction } from '../../../lib/stores/postgres/index.js';
import { describeWith } from '../../support/debian.js';
import { leaseOf } from '../../support/inboxes.js';
import { ready } from '../../support/outboxCases.js';
import { startPostgres, type PostgresServer } from '../../support/postgresServer.js';
import { cursor, recordingPool } from './inboxContract.js';

const SENDERS = 64;
const COMMITS = 30;
const ROWS = 3;

/** Transactions whose effects lock one row each: no two of these effects can deadlock alone. */
describeWith('postgresql', 'Grouped transactions whose effects lock the same rows', (program) => {
  let server: PostgresServer;
  let pool: Pool;
  beforeAll(async () => {
    server = await startPostgres(program);
    pool = server.pool();
    await pool.query(postgresMigration());
    await pool.query('create table counters (id int primary key, count int)');
  }, 60_000);
  beforeEach(async () => {
    await pool.query('delete from counters');
    await pool.query('insert into counters select id, 0 from generate_series(0, 255) as ids (id)');
  });
  afterAll(() => server.close());

  const sendAll = async (inbox: PostgresInbox, name: string, rowOf: (sender: number, done: number) => number): Promise<void> => {
    const send = async (sender: number): Promise<void> => {
      for (let done = 1; done <= COMMITS; done++) {
        // Messages of clients do not arrive at the same time.
        await pause((sender + done) % 4);
        const effect = (transaction: PostgresTransaction): void =>
          transaction.query('update counters set count = count + 1 where id = $1', [rowOf(sender, done)]);
        await ready(inbox.commit(leaseOf(`${name} ${sender}`), cursor(done), [{ effect }]));
      }
    };
    await Promise.all(Array.from({ length: SENDERS }, (_, sender) => send(sender)));
  };
  const total = async (): Promise<number> =>
    Number((await pool.query<{ total: string }>('select sum(count)::text as total from counters')).rows[0]?.total);

  it('keeps the senders apart after their first conflicts', async () => {
    const recorded = recordingPool(pool);
    await sendAll(postgresStore({ pool: recorded.pool }).inbox, 'one', (sender, done) => (sender + done) % ROWS);
    expect(await total()).toBe(SENDERS * COMMITS);
    expect(recorded.count('rollback')).toBeLessThan(20);
    // Senders that are apart still share transactions.
    expect(recorded.count('commit')).toBeLessThan((SENDERS * COMMITS) / 4);
  }, 60_000);

  it('keeps the senders of two servers apart', async () => {
    const recorded = [recordingPool(pool), recordingPool(server.pool())] as const;
    await Promise.all(
      recorded.map((one, side) =>
        sendAll(postgresStore({ pool: one.pool }).inbox, `side ${side}`, (sender, done) => (sender + done) % ROWS),
      ),
    );
    expect(await total()).toBe(2 * SENDERS * COMMITS);
    expect(recorded[0].count('rollback') + recorded[1].count('rollback')).toBeLessThan(40);
  }, 60_000);

  it('does not affect senders whose effects lock rows of their own', async () => {
    const recorded = recordingPool(pool);
    await sendAll(postgresStore({ pool: recorded.pool }).inbox, 'free', (sender) => sender);
    expect(await total()).toBe(SENDERS * COMMITS);
    expect(recorded.count('rollback')).toBe(0);
  }, 60_000);
});
