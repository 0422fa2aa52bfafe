import { firstValueFrom, lastValueFrom, toArray, type Observable } from 'rxjs';
import { createMessage } from '../../../lib/message/createMessage.js';
import {
  postgresStore,
  postgresMigration,
  type PostgresInbox,
  type PostgresStoreOptions,
  type PostgresPool,
  type PostgresTransaction,
} from '../../../lib/stores/postgres/index.js';
import type { DeadLetter } from '../../../lib/stores/deadLetterStore.js';
import type { Completion } from '../../../lib/stores/inbox.js';
import { deadLetterCases } from '../../support/deadLetterCases.js';
import { leaseOf, recordOf } from '../../support/inboxes.js';
import { claimFor, inboxOwnerCases } from '../../support/inboxOwnerCases.js';
import { ready } from '../../support/outboxCases.js';

type Effect = (transaction: PostgresTransaction) => void;

export const effects = (...all: Effect[]): Completion<PostgresTransaction>[] => all.map((effect) => ({ effect }));
export const cursor = (done: number, ...finished: number[]) => ({ done, finished });
export const put =
  (name: string): Effect =>
  (transaction) =>
    transaction.query('insert into effects (name) values ($1)', [name]);
export const fenced = { code: 'ERR_STORE', store: 'postgres', fault: 'fenced' };

const letter = (id: string): DeadLetter => ({
  message: createMessage('spec.letter', { text: `${id}\0`, bytes: Uint8Array.of(1, 2) }, { id, timestamp: 0 }),
  ...{ reason: 'ERR_TEST', error: 'it was tested', attempts: 3, at: 5 },
  history: [{ reason: 'ERR_TEST', error: 'it was tested', at: 4 }],
});

/** A pool that notes which statements it has sent. */
export function recordingPool(pool: PostgresPool) {
  const sent: string[] = [];
  const connect: PostgresPool['connect'] = async () => {
    const client = await pool.connect();
    return {
      query: (statement) => {
        sent.push(statement.text);
        return client.query(statement);
      },
      pipeline: client.pipeline === true,
      release: (destroy) => client.release(destroy),
      on: (event, listener) => client.on?.(event, listener),
      removeListener: (event, listener) => client.removeListener?.(event, listener),
    };
  };
  return { sent, pool: { connect }, count: (text: string): number => sent.filter((one) => one.startsWith(text)).length };
}

/** The tests that an inbox passes on each PostgreSQL. */
export function inboxContract(openPool: () => PostgresPool): void {
  let pool: PostgresPool;
  const query = async (text: string, values: unknown[] = []): Promise<readonly unknown[]> => {
    const client = await pool.connect();
    try {
      return (await client.query({ text, values, queryMode: 'extended' })).rows;
    } finally {
      client.release();
    }
  };
  const open = (options: Partial<PostgresStoreOptions> = {}): PostgresInbox => postgresStore({ pool, ...options }).inbox;
  const names = async () => (await query('select name from effects order by place')).map((row) => (row as { name: string }).name);

  beforeAll(async () => {
    pool = openPool();
    // Twice: a deployment may run it each time.
    for (const text of [...postgresMigration().split(';'), ...postgresMigration().split(';')]) if (text.trim()) await query(text);
    await query('create table effects (place bigint generated always as identity, name text unique)');
    await query('create table parents (name text primary key)');
    await query('create table children (parent text references parents deferrable initially deferred)');
  });
  beforeEach(async () => {
    for (const table of ['rxwire.logs', 'rxwire.entries', 'effects', 'children', 'parents']) await query(`delete from ${table}`);
  });

  it('knows nothing of a sender that is new, and stores nothing for its claim', async () => {
    const inbox = open();
    expect(await ready(recordOf(inbox, 'ann'))).toBeUndefined();
    const { record, lease } = await ready(inbox.claim('ann', () => ({ owner: 'a', epoch: 1, n: 2 })));
    expect([record, lease]).toEqual([undefined, { pid: 'ann', owner: 'a', epoch: 1, n: 2, isNew: true }]);
    expect(await query('select * from rxwire.logs')).toEqual([]);
  });

  it('keeps the cursor and the session of each sender', async () => {
    const inbox = open();
    await ready(inbox.commit(leaseOf('ann'), cursor(7, 9, 10), []));
    await ready(inbox.remember(leaseOf('ann'), { sid: 's', n: 3, more: [1n, null, 'a\0'] }));
    await ready(inbox.remember(leaseOf('ben'), 'x'));
    expect(await ready(recordOf(open(), 'ann'))).toEqual({
      cursor: cursor(7, 9, 10),
      session: { sid: 's', n: 3, more: [1n, null, 'a\0'] },
    });
    await ready(inbox.commit(leaseOf('ann'), cursor(10), []));
    expect(await ready(recordOf(open(), 'ann'))).toEqual({ cursor: cursor(10), session: { sid: 's', n: 3, more: [1n, null, 'a\0'] } });
    expect(await ready(recordOf(open(), 'ben'))).toEqual({ cursor: cursor(0), session: 'x' });
  });

  it('keeps the rejections whose senders may not know them yet', async () => {
    const inbox = open();
    const rejections = [{ number: 2, kind: 'refused', code: 'ERR_X', reason: 'not\0today' } as const];
    await ready(inbox.commit(leaseOf('ann'), { ...cursor(2), rejections }, []));
    await ready(inbox.remember(leaseOf('ann'), 'x'));
    expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor: { ...cursor(2), rejections }, session: 'x' });
    await ready(inbox.commit(leaseOf('ann'), cursor(3), []));
    expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor: cursor(3), session: 'x' });
  });

  it('reads all writes that were started before a claim, including those without a subscriber', async () => {
    const inbox = open();
    (inbox.commit(leaseOf('ann'), cursor(1), []) as Observable<void>).subscribe();
    (inbox.commit(leaseOf('ann'), cursor(2), []) as Observable<void>).subscribe().unsubscribe();
    expect(await ready(recordOf(inbox, 'ann'))).toMatchObject({ cursor: cursor(2) });
  });

  it('runs the statements of the effects in order', async () => {
    const inbox = open();
    const append =
      (text: string): Effect =>
      (transaction) => {
        transaction.query('insert into parents values ($1)', [text]);
        transaction.query("insert into effects (name) select string_agg(name, '' order by name) from parents");
      };
    await ready(inbox.commit(leaseOf('ann'), cursor(3), effects(append('a'), append('b'), append('c'))));
    expect(await names()).toEqual(['a', 'ab', 'abc']);
  });

  it('emits once, and completes', async () => {
    const inbox = open();
    expect(await lastValueFrom((inbox.commit(leaseOf('ann'), cursor(1), []) as Observable<void>).pipe(toArray()))).toEqual([undefined]);
  });

  it('shares a transaction between the commits of all senders', async () => {
    const recorded = recordingPool(pool);
    const inbox = open({ pool: recorded.pool });
    const commits = Array.from({ length: 100 }, (_, index) =>
      ready(inbox.commit(leaseOf(`sender ${index}`), cursor(1), effects(put(`${index}`)))),
    );
    await Promise.all(commits);
    expect([(await names()).length, recorded.count('begin'), recorded.count('commit')]).toEqual([100, 1, 1]);
  });

  it('limits the senders and the messages of a transaction', async () => {
    const recorded = recordingPool(pool);
    const inbox = open({ pool: recorded.pool, maxConnections: 1 });
    const commitAll = (prefix: string, senders: number, messages: number) =>
      Promise.all(
        Array.from({ length: senders }, (_, index) =>
          ready(inbox.commit(leaseOf(`${prefix} ${index}`), cursor(messages), Array<object>(messages).fill({}))),
        ),
      );
    await commitAll('one message', 600, 1);
    expect(recorded.count('begin')).toBe(3);
    await commitAll('many messages', 5, 500);
    expect(recorded.count('begin')).toBe(3 + 3);
    // One sender may have more: a commit is not divided.
    await commitAll('more messages', 2, 2_000);
    expect(recorded.count('begin')).toBe(3 + 3 + 2);
  });

  it('commits of one sender do not overlap, though connections are free', async () => {
    const recorded = recordingPool(pool);
    const inbox = open({ pool: recorded.pool });
    const done = Array.from({ length: 20 }, (_, index) => index + 1);
    await Promise.all(done.map((number) => ready(inbox.commit(leaseOf('ann'), cursor(number), effects(put(`${number}`))))));
    expect([await names(), recorded.count('rollback')]).toEqual([done.map(String), 0]);
    expect(await ready(recordOf(inbox, 'ann'))).toMatchObject({ cursor: cursor(20) });
  });

  describe('when an effect fails', () => {
    const boom = { not: 'even an error' };
    const throws: Effect = () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever is thrown
      throw boom;
    };

    it('stores nothing of the commit, and delivers the exception of the effect', async () => {
      const inbox = open();
      await ready(inbox.commit(leaseOf('ann'), cursor(1), effects(put('one'))));
      const completions = [...effects(put('two')), { deadLetter: letter('a') }, ...effects(throws)];
      await expect(ready(inbox.commit(leaseOf('ann'), cursor(4), completions))).rejects.toBe(boom);
      expect([await names(), await ready(inbox.deadLetters.count())]).toEqual([['one'], 0]);
      expect(await ready(recordOf(inbox, 'ann'))).toMatchObject({ cursor: cursor(1) });
    });

    it('stores nothing of the commit, and delivers the error of the statement as one of the effect', async () => {
      const inbox = open();
      await ready(inbox.commit(leaseOf('ann'), cursor(1), effects(put('one'))));
      let failures = 0;
      const completions = [
        ...effects(put('two')),
        {
          effect: put('one'),
          onEffectFailed: () => {
            failures++;
          },
        },
        ...effects(put('three')),
      ];
      await expect(ready(inbox.commit(leaseOf('ann'), cursor(4), completions))).rejects.toMatchObject({ code: '23505' });
      expect([await names(), failures]).toEqual([['one'], 1]);
      expect(await ready(recordOf(inbox, 'ann'))).toMatchObject({ cursor: cursor(1) });
    });

    it.each<readonly [string, Effect, unknown]>([
      ['throws', throws, boom],
      ['has a statement that fails', put('taken'), expect.objectContaining({ code: '23505' })],
      [
        'has a statement that fails at the commit',
        (transaction) => transaction.query('insert into children values ($1)', ['nobody']),
        expect.objectContaining({ code: '23503' }),
      ],
    ])('stores the commits of the other senders when it %s', async (_, fail, reason) => {
      const inbox = open();
      await query("insert into effects (name) values ('taken')");
      const all = Array.from({ length: 20 }, (_one, index) =>
        ready(inbox.commit(leaseOf(`sender ${index}`), cursor(1), effects(put(`${index}`), ...(index % 7 === 3 ? [fail] : [])))),
      );
      const results = await Promise.allSettled(all);
      const failed = results.flatMap((result, index) => (result.status === 'rejected' ? [[index, result.reason]] : []));
      expect(failed).toEqual([3, 10, 17].map((index) => [index, reason]));
      expect((await names()).filter((name) => name !== 'taken').sort()).toEqual(
        Array.from({ length: 20 }, (_one, index) => `${index}`)
          .filter((name) => !['3', '10', '17'].includes(name))
          .sort(),
      );
      expect(await ready(recordOf(inbox, 'sender 3'))).toBeUndefined();
      expect(await ready(recordOf(inbox, 'sender 4'))).toMatchObject({ cursor: cursor(1) });
    });

    it('rejects an effect that waits', async () => {
      const inbox = open();
      let late: unknown;
      const waiting: (transaction: PostgresTransaction) => unknown = async (transaction) => {
        put('early')(transaction);
        await Promise.resolve();
        try {
          put('late')(transaction);
        } catch (error) {
          late = error;
        }
      };
      await expect(ready(inbox.commit(leaseOf('ann'), cursor(1), effects(waiting)))).rejects.toThrow(TypeError);
      expect(late).toEqual(new Error('the transaction has ended: an effect must be synchronous'));
      expect(await names()).toEqual([]);
    });

    it.each(['commit', ' ROLLBACK', '-- a comment\nbegin', '/* one */ end', 'savepoint a', 'prepare transaction $1', 'start transaction'])(
      'rejects the command %j, which would begin or end a transaction',
      async (text) => {
        const inbox = open();
        const effect: Effect = (transaction) => transaction.query(text);
        await expect(ready(inbox.commit(leaseOf('ann'), cursor(1), effects(put('one'), effect)))).rejects.toThrow(TypeError);
        expect(await names()).toEqual([]);
      },
    );

    it('rejects a text of several commands', async () => {
      const inbox = open();
      const effect: Effect = (transaction) => transaction.query('select 1; commit');
      await expect(ready(inbox.commit(leaseOf('ann'), cursor(1), effects(put('one'), effect)))).rejects.toMatchObject({ code: '42601' });
      expect(await names()).toEqual([]);
    });
  });

  describe('with several owners', () => {
    it('fails the writes of an earlier owner before any effect', async () => {
      const [one, other] = [open(), open()];
      const first = await claimFor(one, 1);
      await ready(one.commit(first, cursor(1), effects(put('one'))));
      const taken = await ready(other.claim('ann', () => ({ owner: 'owner 2', epoch: 1, n: 2 })));
      expect(taken.record).toEqual({ cursor: cursor(1), claim: { owner: 'owner 1', epoch: 1, n: 1 }, session: undefined });
      let runs = 0;
      const effect: Effect = () => {
        runs++;
      };
      await expect(ready(one.commit(first, cursor(2), effects(effect)))).rejects.toMatchObject(fenced);
      await expect(ready(one.remember(first, 'x'))).rejects.toMatchObject(fenced);
      expect([runs, await names()]).toEqual([0, ['one']]);
      await ready(other.commit(taken.lease!, cursor(2), effects(put('two'))));
      expect([await names(), await ready(recordOf(one, 'ann'))]).toMatchObject([['one', 'two'], { cursor: cursor(2) }]);
    });

    it('stores the commits of the other senders of a transaction that has one without the right', async () => {
      const inbox = open();
      await ready(inbox.commit(leaseOf('ann', 'a'), cursor(1), []));
      const results = await Promise.allSettled([
        ready(inbox.commit(leaseOf('ann', 'b'), cursor(2), effects(put('ann')))),
        ready(inbox.commit(leaseOf('ben', 'b'), cursor(2), effects(put('ben')))),
      ]);
      expect(results).toEqual([
        { status: 'rejected', reason: expect.objectContaining(fenced) },
        { status: 'fulfilled', value: undefined },
      ]);
      expect(await names()).toEqual(['ben']);
    });

    inboxOwnerCases(() => open(), fenced);

    it('delivers an exception of "decide", and serves the others', async () => {
      const inbox = open();
      const decide = (): never => {
        throw new RangeError('no');
      };
      const results = await Promise.allSettled([ready(inbox.claim('ann', decide)), ready(inbox.commit(leaseOf('ben'), cursor(1), []))]);
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    });
  });

  describe('dead letters', () => {
    it.each(Object.entries(deadLetterCases))('%s', async (_, check) => check(open({ maxDeadLetters: 3 }).deadLetters));

    it('are stored with the cursor, and evicted letters are emitted after the commit', async () => {
      const inbox = open({ maxDeadLetters: 2 });
      const dropped: string[] = [];
      inbox.deadLetters.dropped$.subscribe(({ message }) => dropped.push(message.id));
      const completions = ['a', 'b', 'c'].map((id) => ({ deadLetter: letter(id) }));
      await ready(inbox.commit(leaseOf('ann'), cursor(3), completions));
      const letters = await firstValueFrom(inbox.deadLetters.list().pipe(toArray()));
      expect([letters, dropped]).toEqual([['b', 'c'].map((id) => ({ ...letter(id), id: expect.any(Number) })), ['a']]);
    });

    it('are listed over several pages', async () => {
      const inbox = open();
      await ready(
        inbox.commit(
          leaseOf('ann'),
          cursor(3),
          Array.from({ length: 250 }, (_, index) => ({ deadLetter: letter(`${index}`) })),
        ),
      );
      const letters = await firstValueFrom(inbox.deadLetters.list().pipe(toArray()));
      expect(letters.map(({ message }) => message.id)).toEqual(Array.from({ length: 250 }, (_, index) => `${index}`));
      expect(await firstValueFrom(inbox.deadLetters.list({ limit: 120 }).pipe(toArray()))).toHaveLength(120);
    });
  });

  it('fails the claim of a row that is unreadable, and serves the others', async () => {
    const inbox = open();
    await ready(inbox.commit(leaseOf('ann'), cursor(1), []));
    await query(`update rxwire.logs set head = 'x'`);
    const results = await Promise.allSettled([ready(recordOf(inbox, 'ann')), ready(inbox.commit(leaseOf('ben'), cursor(1), []))]);
    expect(results).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'ERR_STORE', fault: 'corrupt' }) },
      { status: 'fulfilled', value: undefined },
    ]);
  });

  it('fails when too many wait', async () => {
    const inbox = open({ maxPending: 2 });
    const results = await Promise.allSettled(['ann', 'ben', 'cid'].map((pid) => ready(inbox.commit(leaseOf(pid), cursor(1), []))));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { code: 'ERR_STORE', fault: 'failed' } });
    await ready(inbox.commit(leaseOf('cid'), cursor(1), []));
  });
}
