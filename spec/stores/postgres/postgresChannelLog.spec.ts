import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Pool } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { asyncScheduler, firstValueFrom, type SchedulerLike } from 'rxjs';
import type { ChannelSlice } from '../../../lib/server/hub/channelLog.js';
import type { ChannelPosition } from '../../../lib/message/channelTypes.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import {
  postgresChannelLog,
  postgresMigration,
  type PostgresChannelLog,
  type PostgresChannelLogOptions,
  type PostgresClient,
} from '../../../lib/stores/postgres/index.js';
import { ChannelEndedError, StoreError } from '../../../lib/message/errors.js';
import { bundle } from '../../chaos/bundle.js';
import { asked, channelLogContract, textsOf } from '../../support/channelLogContract.js';
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

  channelLogContract(() => open());

  describe('of several servers', () => {
    it('gives the tails of each server all messages, in order and once', async () => {
      const servers = Array.from({ length: 3 }, () => open());
      const tails = servers.map((log) => record(log.tail('a')));
      await Promise.all(servers.map((log) => ready(log.read('a', { limit: 0 }))));
      const add = async (log: PostgresChannelLog, name: string): Promise<void> => {
        for (let index = 0; index < 50; index++) await ready(log.append('a', note(`${name} ${index}`)));
      };
      await Promise.all(servers.map((log, index) => add(log, String(index))));
      const { entries } = await asked(open()).start('a', 1_000);
      expect(offsetsOf({ entries })).toEqual(Array.from({ length: 150 }, (_, index) => index + 1));
      for (const tail of tails) expect(textsOf(await tail.take(150))).toEqual(textsOf(entries));
    });

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

    it('stores a repeat once, also if another server has stored the first one', async () => {
      const [one, two] = [open(), open()];
      await asked(two).add('a', 'before');
      const message = note('once', 'id');
      const first = await ready(one.append('a', message));
      expect(await Promise.all([ready(two.append('a', message)), ready(one.append('a', message))])).toEqual([first, first]);
      const together = note('together', 'other');
      const positions = await Promise.all([one, two, one, two].map((log) => ready(log.append('a', together))));
      expect(new Set(positions.map(({ offset }) => offset)).size).toBe(1);
      expect(textsOf((await asked(two).start('a')).entries)).toEqual(['before', 'once', 'together']);
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

    it('sends a broadcast to the tails of all, in the order of its channel, and refuses one that no notification can contain', async () => {
      const [one, two] = [open(), open()];
      const tails = [one, two].map((log) => record(log.tail('a')));
      await Promise.all([one, two].map((log) => ready(log.read('a', { limit: 0 }))));
      await asked(one).add('a', 'stored');
      await Promise.all(tails.map((tail) => tail.take(1)));
      one.broadcast('a', note('first'));
      one.broadcast('a', note('second'));
      for (const tail of tails) expect(textsOf(await tail.take(3))).toEqual(['stored', 'first', 'second']);
      expect(() => one.broadcast('a', note('x'.repeat(6_000)))).toThrow(RangeError);
      expect((await asked(two).start('a')).last).toBe(1);
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

    it.each([
      ['maxMessages', { maxMessages: 2 }],
      ['maxBytes', { maxBytes: 2_900 }],
    ])('keeps the latest of a channel, within %s', async (_, options) => {
      const { add, read, back } = asked(open(options));
      const after = await add('a', text);
      await add('a', text, text, text);
      const slice = await read('a', after);
      expect([offsetsOf(slice), slice.isComplete]).toEqual([[3, 4], false]);
      await add('a', text);
      expect(offsetsOf(await read('a', after))).toEqual([4, 5]);
      expect(await back('a')).toMatchObject({ entries: [{ offset: 4 }, { offset: 5 }], isComplete: false });
      expect(await run(`select position::int from ${schema}.channel_messages order by 1`)).toEqual([{ position: 4 }, { position: 5 }]);
    });

    it('keeps nothing that is larger than a channel may be, and knows that it was there', async () => {
      const { add, read } = asked(open({ maxBytes: 300 }));
      const after = await add('a', 'small');
      await add('a', text);
      expect(await read('a', after)).toMatchObject({ entries: [], last: 2, isComplete: false });
    });

    it('does not return messages older than maxAge, and continues the offsets', async () => {
      const { add, read, start } = asked(open({ maxAge: 60_000 }));
      const after = await add('a', 1, 2);
      await run(`update ${schema}.channel_messages set at = at - 60001`);
      expect(await start('a')).toMatchObject({ entries: [], last: 2, isComplete: false });
      expect(await read('a', after)).toMatchObject({ entries: [], isComplete: true });
      expect(await add('a', 3)).toEqual({ ...after, offset: 3 });
      expect(await run(`select position::int from ${schema}.channel_messages`)).toEqual([{ position: 3 }]);
    });

    it('keeps a channel that has ended as a whole, until its end is too old', async () => {
      const log = open({ maxAge: 60_000, maxMessages: 2 });
      const { add, read, start } = asked(log);
      const first = await add('a', 1);
      const last = await add('a', 2);
      await ready(log.append('a', createMessage('channel.ended', { status: 'completed' })));
      await run(`update ${schema}.channel_messages set at = at - 60001`);
      log.retain('a', { messages: 2 });
      await add('other', 1);
      expect(await start('a')).toMatchObject({ entries: [{ offset: 1 }, { offset: 2 }, { offset: 3 }], isComplete: true });
      await run(`update ${schema}.channels set at = at - 60001`);
      log.retain('a', { messages: 3 });
      await add('other', 2);
      expect(await start('a')).toMatchObject({ entries: [], last: 3, isComplete: false, end: { offset: 3 } });
      expect([await read('a', first), await read('a', last)].map(({ isComplete }) => isComplete)).toEqual([false, true]);
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

    it('has the limits of the latest `retain` on all servers, and those of the log again without them', async () => {
      const [one, two] = [open(), open()];
      one.retain('a', { messages: 2 });
      await asked(one).add('a', 1, 2, 3);
      expect(textsOf((await asked(two).start('a')).entries)).toEqual([2, 3]);
      await asked(two).add('a', 4);
      expect(textsOf((await asked(one).start('a')).entries)).toEqual([3, 4]);
      one.retain('a', {});
      await asked(one).add('a', 5);
      expect(textsOf((await asked(two).start('a')).entries)).toEqual([3, 4, 5]);
      expect(() => one.retain('a', { age: 0 })).toThrow(new RangeError('postgresChannelLog: retain: "age" must be > 0, got 0'));
    });

    it('refuses more than may wait, and options that are not valid', async () => {
      const log = open({ maxPending: 2 });
      const stored = [ready(log.append('a', note(1))), ready(log.append('a', note(2)))];
      expect(() => log.append('a', note(3))).toThrow('2');
      await Promise.all(stored);
      expect(() => open({ maxAge: 0 })).toThrow(new RangeError('postgresChannelLog: "maxAge" must be > 0, got 0'));
      expect(() => open({ maxAges: 1 } as object)).toThrow('postgresChannelLog: unknown option "maxAges"; did you mean "maxAge"?');
      expect(() => open({ schema: 'a b' })).toThrow(TypeError);
    });
  });

  it('stores each id, and refuses a name that cannot be stored', async () => {
    const log = open();
    const ids = ['\0', 'x'.repeat(256), '\\', '"', '$1'];
    for (const id of ids) await ready(log.append('a', note(id, id)));
    expect((await asked(log).start('a')).entries.map(({ message }) => message.id)).toEqual(ids);
    for (const name of ['', 'a\0b', '\ud800', 'x'.repeat(256)]) expect(() => log.append(name, note(1))).toThrow(TypeError);
  });

  it('stores no more than one of a message and the end of its channel, whichever server is first', async () => {
    const [one, two] = [open(), open()];
    const end = createMessage('channel.ended', { status: 'completed' });
    await Promise.allSettled([ready(one.append('a', end)), ready(two.append('a', note('late')))]);
    await expect(ready(two.append('a', note('later')))).rejects.toEqual(new ChannelEndedError('a', { status: 'completed' }));
    const { entries, last, end: ended } = await asked(one).start('a');
    expect([entries.at(-1)?.message.type, ended?.offset]).toEqual(['channel.ended', last]);
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
