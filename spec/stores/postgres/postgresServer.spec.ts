import type { Pool } from 'pg';
import { firstValueFrom, type Observable } from 'rxjs';
import { postgresStore, type PostgresTransaction } from '../../../lib/stores/postgres/index.js';
import { describeWith } from '../../support/debian.js';
import { eventually } from '../../support/eventually.js';
import { leaseOf, recordOf } from '../../support/inboxes.js';
import { ready } from '../../support/outboxCases.js';
import { startPostgres, type PostgresServer } from '../../support/postgresServer.js';
import { cursor, effects, fenced, inboxContract, put } from './inboxContract.js';

const failed = { code: 'ERR_STORE', store: 'postgres', fault: 'failed' };

describeWith('postgresql', 'postgresStore on a real PostgreSQL', (program) => {
  let server: PostgresServer;
  let pool: Pool;
  beforeAll(async () => {
    server = await startPostgres(program);
    pool = server.pool();
  }, 60_000);
  afterAll(() => server.close());
  inboxContract(() => pool);

  const names = async () => (await pool.query<{ name: string }>('select name from effects order by place')).rows.map(({ name }) => name);
  const claimBy = (owner: string, n: number) => () => ({ owner, epoch: 1, n });
  /** Waits until a connection sleeps, and runs the statement for it. */
  const sleeping = async (select: string): Promise<void> => {
    const end = performance.now() + 4_000;
    while ((await pool.query(`${select} from pg_stat_activity where wait_event = 'PgSleep'`)).rows.length === 0)
      if (performance.now() > end) throw new Error('no connection sleeps');
  };
  const sleep = (transaction: PostgresTransaction): void => transaction.query('select pg_sleep(0.3)');

  it('works with a pool that sends statements ahead', async () => {
    const inbox = postgresStore({ pool: server.pool({ pipeline: true }) }).inbox;
    await ready(inbox.commit(leaseOf('ann'), cursor(1), effects(put('one'))));
    await expect(ready(inbox.commit(leaseOf('ann'), cursor(2), effects(put('two'), put('one'), put('three'))))).rejects.toMatchObject({
      code: '23505',
    });
    await ready(inbox.commit(leaseOf('ann'), cursor(2), effects(put('two'))));
    expect([await names(), await ready(recordOf(inbox, 'ann'))]).toMatchObject([['one', 'two'], { cursor: cursor(2) }]);
  });

  it('lets a take-over by another process wait for an open commit, and read its cursor', async () => {
    const [one, other] = [postgresStore({ pool }).inbox, postgresStore({ pool: server.pool() }).inbox];
    await ready(one.commit(leaseOf('ann', 'one'), cursor(1), []));
    const open = ready(one.commit(leaseOf('ann', 'one'), cursor(2), effects(put('two'), sleep)));
    await sleeping('select 1');
    const { record } = await ready(other.claim('ann', claimBy('other', 2)));
    await open;
    expect(record?.cursor).toEqual(cursor(2));
    await expect(ready(one.commit(leaseOf('ann', 'one'), cursor(3), effects(put('three'))))).rejects.toMatchObject(fenced);
    expect(await names()).toEqual(['two']);
  });

  it('stores each effect once while two processes take senders from each other', async () => {
    const inboxes = [postgresStore({ pool }).inbox, postgresStore({ pool: server.pool() }).inbox] as const;
    const senders = Array.from({ length: 20 }, (_, index) => `sender ${index}`);
    for (const pid of senders) await ready(inboxes[0].commit(leaseOf(pid, 'start'), cursor(0), []));
    let fences = 0;
    const work = async (pid: string, side: 0 | 1, first: number): Promise<void> => {
      for (let round = first; round < first + 10; round++) {
        const { record, lease } = await ready(inboxes[side].claim(pid, claimBy(`${side} ${round}`, round)));
        for (let done = record!.cursor.done + 1, count = 0; count < 5; count++, done++) {
          try {
            await ready(inboxes[side].commit(lease!, cursor(done), effects(put(`${pid} ${done}`))));
          } catch (error) {
            expect(error).toMatchObject(fenced);
            fences++;
            break;
          }
        }
      }
    };
    // One process may be done before the other one begins: then both work again.
    for (let first = 0; first < 100 && fences === 0; first += 10)
      await Promise.all(senders.flatMap((pid) => [work(pid, 0, first), work(pid, 1, first)]));
    const stored = await names();
    const cursors = await Promise.all(senders.map(async (pid) => (await ready(recordOf(inboxes[0], pid)))!.cursor.done));
    expect(fences).toBeGreaterThan(0);
    expect(new Set(stored).size).toBe(stored.length);
    expect(cursors.reduce((sum, done) => sum + done, 0)).toBe(stored.length);
  });

  it('stores all commits of transactions that wait for each other', async () => {
    const [one, other] = [postgresStore({ pool }).inbox, postgresStore({ pool: server.pool() }).inbox];
    await pool.query("insert into effects (name) values ('x'), ('y')");
    const update = (name: string) => (transaction: PostgresTransaction) =>
      transaction.query("update effects set name = name || '.' where name like $1 || '%'", [name]);
    await Promise.all([
      ready(one.commit(leaseOf('ann'), cursor(1), effects(update('x'), sleep, update('y')))),
      ready(other.commit(leaseOf('ben'), cursor(1), effects(update('y'), sleep, update('x')))),
    ]);
    expect((await names()).sort()).toEqual(['x..', 'y..']);
  });

  it('fails the commits of a lost connection, and continues over another one', async () => {
    const inbox = postgresStore({ pool }).inbox;
    const cut = ready(inbox.commit(leaseOf('ann'), cursor(1), effects(put('one'), sleep)));
    const result = expect(cut).rejects.toMatchObject(failed);
    await sleeping('select pg_terminate_backend(pid)');
    await result;
    expect([await names(), await ready(recordOf(inbox, 'ann'))]).toEqual([[], undefined]);
    await ready(inbox.commit(leaseOf('ann'), cursor(1), effects(put('one'))));
    expect(await names()).toEqual(['one']);
  });

  it('survives that an effect ends its own connection', async () => {
    const inbox = postgresStore({ pool }).inbox;
    const end = (transaction: PostgresTransaction): void => transaction.query('select pg_terminate_backend(pg_backend_pid())');
    await expect(ready(inbox.commit(leaseOf('ann'), cursor(1), effects(put('one'), end)))).rejects.toMatchObject(failed);
    await ready(inbox.commit(leaseOf('ann'), cursor(1), effects(put('one'))));
    expect(await names()).toEqual(['one']);
  });

  it('gives up a transaction that takes too long, and the server rolls it back', async () => {
    const inbox = postgresStore({ pool, timeout: 100 }).inbox;
    await expect(ready(inbox.commit(leaseOf('ann'), cursor(1), effects(put('one'), sleep)))).rejects.toMatchObject(failed);
    const again = postgresStore({ pool }).inbox;
    await ready(again.commit(leaseOf('ann'), cursor(1), effects(put('one'))));
    expect(await names()).toEqual(['one']);
  });

  it('fails while the server is away; each commit that was confirmed has survived its crash', async () => {
    const inbox = postgresStore({ pool, maxConnections: 2 }).inbox;
    const confirmed = new Set<string>();
    let isAway = false;
    const work = async (pid: string): Promise<void> => {
      for (let done = 1; !isAway; done++) {
        const name = `${pid} ${done}`;
        await firstValueFrom(inbox.commit(leaseOf(pid), cursor(done), effects(put(name))) as Observable<void>);
        confirmed.add(name);
      }
    };
    const works = Promise.allSettled(Array.from({ length: 10 }, (_, index) => work(`sender ${index}`)));
    await eventually(() => expect(confirmed.size).toBeGreaterThan(100));
    await server.crash();
    isAway = true;
    for (const result of await works) if (result.status === 'rejected') expect(result.reason).toMatchObject(failed);
    await expect(ready(inbox.claim('sender 1', () => undefined))).rejects.toMatchObject(failed);
    await server.start();
    const stored = new Set(await names());
    expect([...confirmed].filter((name) => !stored.has(name))).toEqual([]);
    let cursors = 0;
    for (let index = 0; index < 10; index++) cursors += (await ready(recordOf(inbox, `sender ${index}`)))!.cursor.done;
    expect(cursors).toBe(stored.size);
  }, 40_000);
});
