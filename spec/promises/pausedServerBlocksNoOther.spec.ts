import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Pool } from 'pg';
import { postgresStore, postgresMigration, type PostgresTransaction } from '../../lib/stores/postgres/index.js';
import { bundle } from '../chaos/bundle.js';
import { describeWith } from '../support/debian.js';
import { eventually } from '../support/eventually.js';
import { leaseOf } from '../support/inboxes.js';
import { ready } from '../support/outboxCases.js';
import { startPostgres, type PostgresServer } from '../support/postgresServer.js';

/** The senders of the paused server: more than it puts into one transaction. */
const SENDERS = 300;

describeWith('postgresql', 'A server that pauses in a transaction', (program) => {
  let postgres: PostgresServer;
  let pool: Pool;
  let child: ChildProcess | undefined;
  beforeAll(async () => {
    postgres = await startPostgres(program);
    pool = postgres.pool();
    await pool.query(postgresMigration());
    await pool.query('create table effects (name text)');
  }, 60_000);
  beforeEach(async () => {
    await pool.query('truncate effects, rxwire.logs');
  });
  afterEach(() => child?.kill('SIGKILL'));
  afterAll(() => postgres.close());

  it.each([
    ['known', 1],
    ['new', 0],
  ])(
    'blocks no client of another server, and loses its own %s clients to it',
    async (_, messages) => {
      const args = [bundle('spec/promises/pausedServer.ts'), postgres.host, String(SENDERS), String(messages)];
      const paused = (child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
      const output = text(paused.stdout);
      const isStopped = (): boolean => execFileSync('ps', ['-o', 'stat=', '-p', String(paused.pid)], { encoding: 'utf8' }).startsWith('T');
      await eventually(() => expect(isStopped()).toBe(true), 20_000);

      const inbox = postgresStore({ pool }).inbox;
      const put =
        (name: string) =>
        (transaction: PostgresTransaction): void =>
          transaction.query('insert into effects (name) values ($1)', [name]);
      let claimed = 0;
      const takeOver = async (pid: string): Promise<number> => {
        const { record, lease } = await ready(inbox.claim(pid, () => ({ owner: 'other', epoch: 1, n: 2 })));
        claimed++;
        const done = messages + 1;
        await ready(inbox.commit(lease!, { done, finished: [] }, [{ effect: put(`${pid} ${done}`) }]));
        return record?.cursor.done ?? 0;
      };
      const takeOvers: Promise<number>[] = [];
      for (let index = 0; index < SENDERS; index++) {
        takeOvers.push(takeOver(`sender ${index}`));
        // Claims that do not arrive at the same time do not share a transaction.
        if (index % 20 === 0) await nextTurn();
      }
      for (let done = 1; done <= 10; done++)
        await ready(inbox.commit(leaseOf('healthy'), { done, finished: [] }, [{ effect: put(`healthy ${done}`) }]));
      // New clients are claimed at once; their first write waits for the locks.
      expect(claimed < SENDERS).toBe(messages > 0);

      expect(new Set(await Promise.all(takeOvers))).toEqual(new Set([messages]));
      expect(isStopped()).toBe(true);
      const exit = once(paused, 'exit');
      paused.kill('SIGCONT');
      await exit;
      expect(JSON.parse(await output)).toEqual(Array<string>(SENDERS).fill('rejected'));
      const { rows } = await pool.query<{ name: string }>("select name from effects where name not like 'healthy%'");
      const expected = Array.from({ length: SENDERS }, (_one, index) =>
        Array.from({ length: messages + 1 }, (_other, place) => `sender ${index} ${place + 1}`),
      ).flat();
      expect(rows.map(({ name }) => name).sort()).toEqual(expected.sort());
    },
    60_000,
  );
});
