import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Pool } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { asyncScheduler, firstValueFrom, type SchedulerLike } from 'rxjs';
import type { ChannelSlice } from '../../../lib/channels/channelLog.js';
import type { ChannelPosition } from '../../../lib/message/channelTypes.js';
import {
  postgresChannelLog,
  postgresMigration,
  type PostgresChannelLog,
  type PostgresChannelLogOptions,
  type PostgresClient,
} from '../../../lib/stores/postgres/index.js';
import { StoreError } from '../../../lib/message/errors.js';
import { bundle } from '../../chaos/bundle.js';
import { asked, textsOf } from '../../support/asked.js';
import type { LogPlace, PlaceLimits } from '../../support/channelLogCases.js';
import { channelLogContract } from '../../support/channelLogContract.js';
import { describeWith } from '../../support/debian.js';
import { ready } from '../../support/outboxCases.js';
import { startPostgres, type PostgresServer } from '../../support/postgresServer.js';
import { record } from '../../support/record.js';
import { note, payloads, rooms } from '../../support/rooms.js';

const failed = { code: 'ERR_STORE', store: 'postgres', fault: 'failed' };
const offsetsOf = ({ entries }: Pick<ChannelSlice, 'entries'>): number[] => entries.map(({ offset }) => offset);

describeWith('postgresql', 'postgresChannelLog', (program) => {
  let postgres: PostgresServer;
  let pool: Pool;
  let schema = '';
  let count = 0;
  const logs: PostgresChannelLog[] = [];
  const open = (options: Partial<PostgresChannelLogOptions> = {}): PostgresChannelLog => {
    const log = postgresChannelLog({ pool, schema, ...options });
    logs.push(log);
    return log;
  };
  const run = async (text: string, values: unknown[] = []) => (await pool.query<Record<string, unknown>>(text, values)).rows;

  beforeAll(async () => {
    postgres = await startPostgres(program);
    pool = postgres.pool({ max: 20 });
  }, 60_000);
  beforeEach(async () => {
    schema = `test${++count}`;
    await pool.query(postgresMigration(schema));
  });
  afterEach(() => logs.splice(0).forEach((log) => log.close()));
  afterAll(() => postgres.close());

  channelLogContract({
    name: 'postgresChannelLog',
    open: postgresPlace,
    lacks: ['limits the bytes of all channels', 'compacts messages', 'keeps the positions of a restored backup', 'forgets idle channels'],
  });

  function postgresPlace(limits: PlaceLimits = {}): LogPlace {
    const tables = ['channels', 'channel_messages'];
    const end = (): void => logs.splice(0).forEach((log) => log.close());
    return {
      log: () => open(limits),
      wait: async (ms) => {
        for (const table of tables) await run(`update ${schema}.${table} set at = at - ${ms}`);
      },
      restart: end,
      lose: async () => {
        end();
        await run(`drop schema ${schema} cascade`);
        await pool.query(postgresMigration(schema));
      },
      backup: async () => {
        for (const table of tables) await run(`create table ${schema}.copy_of_${table} as table ${schema}.${table}`);
      },
      restore: async () => {
        end();
        for (const table of tables) {
          await run(`truncate ${schema}.${table}`);
          await run(`insert into ${schema}.${table} table ${schema}.copy_of_${table}`);
        }
        await run(`update ${schema}.channels set epoch = gen_random_uuid()`);
      },
    };
  }

  describe('of several servers', () => {
    it('receives broadcasts again when the connection that listens is half-open', async () => {
      let listening = 0;
      const half: Pick<Pool, 'connect'> = {
        async connect() {
          const client = await pool.connect();
          const query = client.query.bind(client) as unknown as (config: { readonly text: string }) => Promise<unknown>;
          const isDead = (text: string): boolean => text === 'select 1' && listening === 1;
          client.query = ((config: { readonly text: string }) => {
            if (config.text.startsWith('listen')) listening++;
            return isDead(config.text) ? new Promise(() => undefined) : query(config);
          }) as never;
          return client;
        },
      };
      const quick = Object.assign(Object.create(asyncScheduler) as SchedulerLike, {
        schedule: (...[work, delay = 0, state]: Parameters<SchedulerLike['schedule']>) => asyncScheduler.schedule(work, delay / 50, state),
      });
      const tail = record(open({ pool: half, scheduler: quick, timeout: 1_000_000 }).tail('a'));
      while (listening < 2) await delay(5);
      await delay(50);
      open().broadcast('a', note('heard'));
      expect(textsOf(await tail.take(1))).toEqual(['heard']);
    });

    it('create channels at once, also where transactions are serializable by default', async () => {
      const strict = postgres.pool({ max: 8, options: '-c default_transaction_isolation=serializable' });
      const servers = Array.from({ length: 4 }, () => open({ pool: strict }));
      for (let round = 0; round < 20; round++) {
        const names = [`${round} a`, `${round} b`, `${round} c`];
        const appends = servers.flatMap((log) => names.map((name) => ready(log.append(name, note(round)))));
        expect((await Promise.all(appends)).map(({ offset }) => offset).sort()).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
      }
      await strict.end();
    });

    it('serves the same channels with their hubs', async () => {
      const [one, two] = [rooms({ log: open() }), rooms({ log: open() })];
      const [ann, bob] = [await one.member('run.1', { from: 'start' }), await two.member('run.1', { from: 'start' })];
      await one.hall.channel('run.1').send(note(1));
      await two.hall.channel('run.1').send(note(2));
      await one.hall.channel('run.1').send(note(3));
      for (const { messages } of [ann, bob]) expect(payloads(await messages.take(3))).toEqual([1, 2, 3]);
      expect([ann.gaps.values, bob.gaps.values]).toEqual([[], []]);
      one.close();
      two.close();
    });

    it('finds messages without a notification', async () => {
      const deaf = {
        connect: async (): Promise<PostgresClient> => {
          const client = await pool.connect();
          return { query: (statement) => client.query(statement), release: (destroy) => client.release(destroy) };
        },
      };
      const tail = record(open({ pool: deaf, pollInterval: 20 }).tail('a'));
      await ready(open().append('b', note('elsewhere')));
      await new Promise((resolve) => setTimeout(resolve, 100));
      await asked(open()).add('a', 1, 2);
      expect(textsOf(await tail.take(2))).toEqual([1, 2]);
    });

    it('reads what it has missed when the connection of its notifications was lost', async () => {
      const [one, two] = [open({ pollInterval: 50 }), open()];
      const tail = record(one.tail('a'));
      await asked(two).add('a', 1);
      await tail.take(1);
      await run(`select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'`);
      await asked(two).add('a', 2, 3);
      expect(textsOf(await tail.take(3))).toEqual([1, 2, 3]);
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await run(`select 1 from pg_stat_activity where query like 'listen%'`)).toHaveLength(1);
      await asked(two).add('a', 4);
      expect(textsOf(await tail.take(4))).toEqual([1, 2, 3, 4]);
    });

    it('loses no acked message, stores no repeat twice, and shows others all of them, though servers are killed', async () => {
      await pool.query(postgresMigration());
      const log = open({ schema: 'rxwire' });
      const tail = record(log.tail('a'));
      await ready(log.read('a', { limit: 0 }));
      const acked = new Map<string, number>();
      const publish = async (name: string): Promise<void> => {
        let next = 0;
        for (let kill = 0; kill < 4; kill++) {
          // It begins with a message that is stored, and then repeats those whose acks were lost.
          const child = spawn(process.execPath, [bundle('spec/stores/postgres/killedPublisher.ts'), postgres.host, name, String(next)], {
            stdio: ['ignore', 'pipe', 'inherit'],
          });
          let said = 0;
          for await (const line of createInterface({ input: child.stdout })) {
            const [index, offset] = line.split(' ').map(Number) as [number, number];
            acked.set(`${name} ${index}`, offset);
            if (++said === 60 + kill * 7) child.kill('SIGKILL');
          }
          while (acked.has(`${name} ${next + 1}`)) next++;
        }
      };
      await Promise.all(['one', 'two'].map(publish));
      const end = await asked(log).add('a', 'end');
      const { entries } = await asked(log).start('a', 10_000);
      const offsets = new Map(entries.map(({ message, offset }) => [message.id, offset]));
      expect([offsets.size, offsetsOf({ entries })]).toEqual([end.offset, Array.from({ length: end.offset }, (_, index) => index + 1)]);
      for (const [id, offset] of acked) expect([id, offsets.get(id)]).toEqual([id, offset]);
      expect(acked.size).toBeGreaterThan(400);
      expect((await tail.take(end.offset)).map(({ offset }) => offset)).toEqual(offsetsOf({ entries }));
    }, 120_000);

    it('tells readers of a gap when messages were removed before a server has read them', async () => {
      const [one, two] = [rooms({ log: open() }), open()];
      const bob = await one.member('run.1', { from: 'start' });
      await asked(two).add('run.1', 'first');
      await bob.messages.take(1);
      two.retain('run.1', { messages: 2 });
      await asked(two).add('run.1', ...Array.from({ length: 20 }, (_, index) => index));
      expect(payloads(await bob.messages.take(3))).toEqual(['first', 18, 19]);
      expect(bob.gaps.values).toMatchObject([{ reason: 'history', after: { offset: 1 }, next: { offset: 20 } }]);
      one.close();
    });

    it('creates the same channels at once, whatever their order at each server', async () => {
      const add = (log: PostgresChannelLog, ...names: readonly string[]) =>
        Promise.all(names.map((name) => ready(log.append(name, note(1)))));
      const blocker = await pool.connect();
      await blocker.query(`begin; insert into ${schema}.channels (name, epoch) values ('m', '')`);
      const added = [add(open(), 'a', 'm', 'z'), add(open(), 'z', 'm', 'a')];
      await new Promise((resolve) => setTimeout(resolve, 200));
      await blocker.query('rollback');
      blocker.release();
      expect((await Promise.all(added)).flat().map(({ offset }) => offset)).toHaveLength(6);
      expect(await run(`select sum(last)::int as sum from ${schema}.channels`)).toEqual([{ sum: 6 }]);
    });

    it('has one poll under way at a time, however slow the database is', async () => {
      let [polls, most] = [0, 0];
      const slow = {
        connect: async (): Promise<PostgresClient> => {
          const client = await pool.connect();
          const query: PostgresClient['query'] = async (statement) => {
            if (!statement.text.includes('c.name in (select json')) return client.query(statement);
            most = Math.max(most, ++polls);
            await new Promise((resolve) => setTimeout(resolve, 60));
            polls--;
            return client.query(statement);
          };
          return { query, release: (destroy) => client.release(destroy) };
        },
      };
      record(open({ pool: slow, pollInterval: 10 }).tail('a'));
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(most).toBe(1);
    });

    it('ignores notifications that are not of a log', async () => {
      const tail = record(open().tail('a'));
      const other = open();
      for (const payload of ['', '{', `x ${schema} b`, `x other a`, `x ${schema}`])
        await run('select pg_notify($1, $2)', ['rxwire_channels', payload]);
      await asked(other).add('a', 1);
      expect(textsOf(await tail.take(1))).toEqual([1]);
    });
  });

  describe('its limits', () => {
    const text = 'x'.repeat(1_000);

    it('does not return messages older than maxAge, and continues the offsets', async () => {
      const { add, read, start } = asked(open({ maxAge: 60_000 }));
      const after = await add('a', 1, 2);
      await run(`update ${schema}.channel_messages set at = at - 60001`);
      expect(await start('a')).toMatchObject({ entries: [], last: 2, isComplete: false });
      expect(await read('a', after)).toMatchObject({ entries: [], isComplete: true });
      expect(await add('a', 3)).toEqual({ ...after, offset: 3 });
      expect(await run(`select position::int from ${schema}.channel_messages`)).toEqual([{ position: 3 }]);
    });

    it('removes none between others, also where the clock of the database was set back', async () => {
      const { add, start } = asked(open({ maxAge: 60_000 }));
      await add('a', 1, 2);
      await run(`update ${schema}.channel_messages set at = at - 60001 where position = 2`);
      await add('a', 3);
      expect(await start('a')).toMatchObject({ entries: [{ offset: 1 }, { offset: 2 }, { offset: 3 }], isComplete: true });
    });

    it('returns the first messages up to maxBytes, and one at least', async () => {
      const log = open();
      const { epoch } = await asked(log).add('a', ...Array.from({ length: 6 }, () => text));
      const read = (maxBytes: number, offset: number) => ready(log.read('a', { after: { epoch, offset }, limit: 10, maxBytes }));
      expect(offsetsOf(await read(1, 2))).toEqual([3]);
      expect(offsetsOf(await read(2_600, 2))).toEqual([3, 4]);
    });

    it('refuses more than may wait, and options that are not valid', async () => {
      const log = open({ maxPending: 2 });
      const stored = [ready(log.append('a', note(1))), ready(log.append('a', note(2)))];
      expect(() => log.append('a', note(3))).toThrow('2');
      await Promise.all(stored);
      expect(() => open({ maxAge: 0 })).toThrow(new RangeError('postgresChannelLog: "maxAge" must be > 0, got 0'));
      expect(() => open({ maxAges: 1 } as object)).toThrow('postgresChannelLog: unknown option "maxAges"; did you mean "maxAge"?');
      expect(() => open({ schema: 'a b' })).toThrow(TypeError);
      expect(() => log.retain('a', { age: 0 })).toThrow(new RangeError('postgresChannelLog: retain: "age" must be > 0, got 0'));
      expect(() => log.broadcast('a', note('x'.repeat(6_000)))).toThrow(RangeError);
    });
  });

  it('stores each id, and refuses a name that cannot be stored', async () => {
    const log = open();
    const ids = ['\0', 'x'.repeat(256), '\\', '"', '$1'];
    for (const id of ids) await ready(log.append('a', note(id, id)));
    expect((await asked(log).start('a')).entries.map(({ message }) => message.id)).toEqual(ids);
    for (const name of ['', 'a\0b', '\ud800', 'x'.repeat(256)]) expect(() => log.append(name, note(1))).toThrow(TypeError);
  });

  it('reports an unreadable message, says that the readers in front of it miss it, and continues after it', async () => {
    const log = open();
    const faults = record(log.faults$);
    await asked(log).add('a', 1, 2, 3);
    await run(`update ${schema}.channel_messages set data = '\\xc1' where position = 2`);
    const all = await asked(log).start('a');
    expect([offsetsOf(all), all.isComplete]).toEqual([[1, 3], false]);
    expect(faults.values).toEqual([new StoreError('postgres', 'corrupt')]);
    const behind = await asked(log).read('a', { ...all.entries[0]!, offset: 2 });
    expect([offsetsOf(behind), behind.isComplete]).toEqual([[3], true]);
  });

  it('reads on behind a page whose only message is unreadable', async () => {
    const log = open();
    const after = await asked(log).add('a', 1);
    await asked(log).add('a', 2, 3);
    await run(`update ${schema}.channel_messages set data = '\\xc1' where position = 2`);
    expect(offsetsOf(await ready(log.read('a', { after, limit: 10, maxBytes: 1 })))).toEqual([3]);
    expect(offsetsOf(await ready(log.read('a', { after, limit: 1 })))).toEqual([3]);
  });

  it('begins another epoch where the database was told to', async () => {
    const log = open();
    const before = await asked(log).add('a', 1);
    await run(`update ${schema}.channels set epoch = gen_random_uuid()`);
    const slice = await asked(log).read('a', before);
    expect([textsOf(slice.entries), slice.isComplete, slice.epoch === before.epoch]).toEqual([[1], false, false]);
  });

  it('fails writes, reads and tails while the database is down, and continues when it is back', async () => {
    const own = await startPostgres(program);
    const ownPool = own.pool();
    await ownPool.query(postgresMigration());
    const log = postgresChannelLog({ pool: ownPool, pollInterval: 20 });
    const tail = record(log.tail('a'));
    const before = await asked(log).add('a', 1);
    await tail.take(1);
    await own.crash();
    await expect(asked(log).add('a', 'lost')).rejects.toMatchObject(failed);
    await expect(asked(log).start('a')).rejects.toMatchObject(failed);
    await own.start();
    const after: ChannelPosition = await asked(log).add('a', 2);
    expect(after).toEqual({ ...before, offset: before.offset + 1 });
    await asked(postgresChannelLog({ pool: own.pool() })).add('a', 3);
    expect(textsOf(await tail.take(3))).toEqual([1, 2, 3]);
    log.close();
    await own.close();
  }, 30_000);

  it('stores what was appended before it is closed; then its methods and its tails fail', async () => {
    const log = open();
    const tail = record(log.tail('a'));
    const stored = ready(log.append('a', note(1)));
    log.close();
    log.close();
    expect(await stored).toMatchObject({ offset: 1 });
    for (const end of [await tail.ended, await record(log.tail('a')).ended]) expect(end).toMatchObject(failed);
    expect(() => log.append('a', note(2))).toThrow(StoreError);
    await expect(firstValueFrom(open().read('a', { limit: 1 }))).resolves.toMatchObject({ last: 1 });
  });
});
