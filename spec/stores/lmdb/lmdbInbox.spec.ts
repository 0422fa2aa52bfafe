import { firstValueFrom, VirtualTimeScheduler, type Observable } from 'rxjs';
import { lmdbStore, type LmdbStore, type LmdbStoreOptions } from '../../../lib/stores/lmdb/lmdbStore.js';
import type { LmdbTransaction } from '../../../lib/stores/lmdb/lmdbTransaction.js';
import type { Completion } from '../../../lib/stores/inbox.js';
import { ready } from '../../support/outboxCases.js';
import { folder, statsOf, tamper } from './folder.js';
import { leaseOf, recordOf } from '../../support/inboxes.js';

const DAY = 86_400_000;
const effects = (...all: ((transaction: LmdbTransaction) => void)[]): Completion<LmdbTransaction>[] => all.map((effect) => ({ effect }));
const cursor = (done: number, ...finished: number[]) => ({ done, finished });

describe('the inbox of lmdbStore', () => {
  const stores: LmdbStore[] = [];
  const openStore = (options: Partial<LmdbStoreOptions> = {}): LmdbStore => {
    const store = lmdbStore({ path: folder(), ...options });
    stores.push(store);
    return store;
  };
  afterEach(() => stores.splice(0).forEach((store) => store.close()));

  it('knows nothing of a sender that is new', async () => {
    expect(await ready(recordOf(openStore().inbox, 'ann'))).toBeUndefined();
  });

  it('keeps the cursor and the session of each sender, also when it is opened again', async () => {
    const path = folder();
    const before = openStore({ path });
    await ready(before.inbox.commit(leaseOf('ann'), cursor(7, 9, 10), []));
    await ready(before.inbox.remember(leaseOf('ann'), { sid: 's', n: 3, more: [1n, null] }));
    await ready(before.inbox.remember(leaseOf('ben'), 'x'));
    await ready(before.inbox.commit(leaseOf('ann'), cursor(10), []));
    before.close();

    const { inbox } = openStore({ path });
    expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor: cursor(10), session: { sid: 's', n: 3, more: [1n, null] } });
    expect(await ready(recordOf(inbox, 'ben'))).toEqual({ cursor: cursor(0), session: 'x' });
  });

  it('keeps the rejections whose senders may not know them yet', async () => {
    const path = folder();
    const before = openStore({ path });
    const rejections = [{ number: 2, kind: 'refused', code: 'ERR_X', reason: 'not today' } as const];
    await ready(before.inbox.commit(leaseOf('ann'), { ...cursor(2), rejections }, []));
    await ready(before.inbox.remember(leaseOf('ann'), 'x'));
    before.close();
    const { inbox } = openStore({ path });
    expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor: { ...cursor(2), rejections }, session: 'x' });
    await ready(inbox.commit(leaseOf('ann'), cursor(3), []));
    expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor: cursor(3), session: 'x' });
  });

  it('knows the writes that are in progress, also those without a subscriber', async () => {
    const { inbox } = openStore();
    (inbox.commit(leaseOf('ann'), cursor(1), []) as Observable<void>).subscribe();
    (inbox.commit(leaseOf('ann'), cursor(2), []) as Observable<void>).subscribe().unsubscribe();
    expect(await ready(recordOf(inbox, 'ann'))).toMatchObject({ cursor: cursor(2) });
  });

  it('runs the effects in order; each reads the writes of the earlier ones', async () => {
    const { inbox, table } = openStore();
    const log = table<string>('log');
    const append = (letter: string) => (transaction: LmdbTransaction) =>
      transaction.put(log, 'all', (transaction.get(log, 'all') ?? '') + letter);
    await ready(inbox.commit(leaseOf('ann'), cursor(3), effects(append('a'), append('b'), append('c'))));
    expect(log.get('all')).toBe('abc');
  });

  it('rolls back all effects, the cursor and the dead letters when an effect throws, and delivers its error unchanged', async () => {
    const { inbox, table, deadLetters } = openStore();
    const log = table<string>('log');
    await ready(
      inbox.commit(
        leaseOf('ann'),
        cursor(1),
        effects((transaction) => transaction.put(log, 1, 'one')),
      ),
    );
    const boom = { not: 'even an error' };
    const completions: Completion<LmdbTransaction>[] = [
      ...effects((transaction) => {
        transaction.put(log, 1, 'changed');
        transaction.put(log, 2, 'two');
        transaction.remove(log, 1);
      }),
      { deadLetter: { message: {} as never, reason: 'r', error: 'r', history: [], attempts: 1, at: 0 } },
      ...effects(() => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever is thrown
        throw boom;
      }),
    ];
    await expect(ready(inbox.commit(leaseOf('ann'), cursor(4), completions))).rejects.toBe(boom);
    expect(log.entries()).toEqual([[1, 'one']]);
    expect(await ready(deadLetters.count())).toBe(0);
    expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor: cursor(1), session: undefined });
  });

  it('completes the other commits when the effect of one throws', async () => {
    const { inbox, table } = openStore();
    const log = table<string>('log');
    const put = (key: string) => effects((transaction) => transaction.put(log, key, 'here'));
    const fail = effects((transaction) => {
      transaction.put(log, 'ben', 'here');
      throw new Error('no');
    });
    const results = await Promise.allSettled(
      [
        inbox.commit(leaseOf('ann'), cursor(1), put('ann')),
        inbox.commit(leaseOf('ben'), cursor(1), fail),
        inbox.commit(leaseOf('cid'), cursor(1), put('cid')),
      ].map(ready),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(log.entries().map(([key]) => key)).toEqual(['ann', 'cid']);
    expect(await ready(recordOf(inbox, 'ben'))).toBeUndefined();
  });

  it('writes for all senders in one transaction', async () => {
    const path = folder();
    const { inbox, table } = openStore({ path });
    const log = table<number>('log');
    const before = transactionsOf(path);
    const commits = Array.from({ length: 100 }, (_, index) =>
      ready(
        inbox.commit(
          leaseOf(`sender ${index}`),
          cursor(1),
          effects((transaction) => transaction.put(log, index, index)),
        ),
      ),
    );
    await Promise.all(commits);
    expect(log.entries()).toHaveLength(100);
    expect(transactionsOf(path) - before).toBe(1);
  });

  it('refuses an effect that waits', async () => {
    const { inbox, table } = openStore();
    const log = table<string>('log');
    let late: unknown;
    const waiting: (transaction: LmdbTransaction) => unknown = async (transaction) => {
      transaction.put(log, 1, 'one');
      await Promise.resolve();
      try {
        transaction.put(log, 2, 'two');
      } catch (error) {
        late = error;
      }
    };
    await expect(ready(inbox.commit(leaseOf('ann'), cursor(1), effects(waiting)))).rejects.toThrow(TypeError);
    expect(late).toEqual(new Error('the transaction has ended: an effect must be synchronous'));
    expect(log.entries()).toEqual([]);
  });

  it('refuses to open a table within a transaction', async () => {
    const { inbox, table } = openStore();
    await expect(
      ready(
        inbox.commit(
          leaseOf('ann'),
          cursor(1),
          effects(() => void table('late')),
        ),
      ),
    ).rejects.toThrow('before the transaction');
  });

  it('delivers the error of a value that cannot be stored, which is none of the store, and undoes the rest', async () => {
    const { inbox, table } = openStore();
    const log = table('log');
    const effect = (transaction: LmdbTransaction): void => {
      transaction.put(log, 1, 'one');
      transaction.put(log, 'x'.repeat(5_000), 'key too long');
    };
    await expect(ready(inbox.commit(leaseOf('ann'), cursor(1), effects(effect)))).rejects.toThrow(/^Key size is larger/);
    expect(log.entries()).toEqual([]);
  });

  it('writes all records from before it was closed', async () => {
    const path = folder();
    const { inbox, close } = lmdbStore({ path });
    let second: Promise<void> | undefined;
    const effect = (): void => {
      second = ready(inbox.commit(leaseOf('ben'), cursor(2), [])); // waits for the transaction that is running
      close();
    };
    await ready(inbox.commit(leaseOf('ann'), cursor(1), effects(effect)));
    await second;
    const again = openStore({ path }).inbox;
    expect([await ready(recordOf(again, 'ann')), await ready(recordOf(again, 'ben'))]).toMatchObject([
      { cursor: cursor(1) },
      { cursor: cursor(2) },
    ]);
  });

  it('delivers the failure of a store that is closed', async () => {
    const { inbox, results, close } = lmdbStore({ path: folder() });
    close();
    close();
    for (const call of [
      () => recordOf(inbox, 'a'),
      () => inbox.commit(leaseOf('a'), cursor(1), []),
      () => results.get('a'),
      () => results.put('a', 1),
    ]) {
      await expect(ready(call() as Observable<unknown>)).rejects.toMatchObject({ code: 'ERR_STORE', fault: 'failed' });
    }
  });

  it('treats an unreadable record as missing, and reports it', async () => {
    const path = folder();
    const before = lmdbStore({ path });
    await ready(before.inbox.commit(leaseOf('ann'), cursor(7), []));
    await ready(before.inbox.commit(leaseOf('ben'), cursor(7), []));
    before.close();
    await tamper(path, 'rxwire.logs', (database) => {
      database.putSync('sender ann', Buffer.from([0xc1]));
      database.putSync('sender ben', Buffer.from([0x91, 0x01]));
    });

    const { inbox, faults$ } = openStore({ path });
    const told: unknown[] = [];
    faults$.subscribe(({ store, fault }) => told.push([store, fault]));
    expect([await ready(recordOf(inbox, 'ann')), await ready(recordOf(inbox, 'ben'))]).toEqual([undefined, undefined]);
    expect(told).toEqual([
      ['lmdb', 'corrupt'],
      ['lmdb', 'corrupt'],
    ]);
    await ready(inbox.commit(leaseOf('ann'), cursor(1), []));
    expect(await ready(recordOf(inbox, 'ann'))).toMatchObject({ cursor: cursor(1) });
  });

  it('emits once, and completes', async () => {
    const { inbox } = openStore();
    const values: unknown[] = [];
    await new Promise<void>((complete) => {
      (inbox.commit(leaseOf('ann'), cursor(1), []) as Observable<void>).subscribe({ next: (value) => values.push(value), complete });
    });
    expect(values).toEqual([undefined]);
  });

  it('lets the later of two hellos of an unknown sender win, whichever writes first', async () => {
    const fenced = { code: 'ERR_STORE', fault: 'fenced' };
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      const { inbox } = openStore();
      const claim = async (n: number) => (await ready(inbox.claim('ann', () => ({ owner: `owner ${n}`, epoch: 1, n })))).lease!;
      const leases = { 1: await claim(1), 2: await claim(2) };
      const [first, second] = order.map((n) => async () => {
        await ready(inbox.remember(leases[n as 1 | 2], `session ${n}`));
        await ready(inbox.commit(leases[n as 1 | 2], cursor(n), []));
      });
      await first!();
      if (order[0] === 1) await second!();
      else await expect(second!()).rejects.toMatchObject(fenced);
      expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor: cursor(2), session: 'session 2' });
      await expect(ready(inbox.commit(leases[1], cursor(9), []))).rejects.toMatchObject(fenced);
    }
  });

  describe('with a clock', () => {
    it('forgets a sender that was silent for 30 days, and not before', async () => {
      const scheduler = new VirtualTimeScheduler();
      const { inbox } = openStore({ scheduler });
      await ready(inbox.commit(leaseOf('ann'), cursor(7), []));
      scheduler.frame = 29 * DAY;
      await ready(inbox.remember(leaseOf('ann'), 's'));
      scheduler.frame = 59 * DAY - 1;
      expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor: cursor(7), session: 's' });
      scheduler.frame = 59 * DAY;
      expect(await ready(recordOf(inbox, 'ann'))).toBeUndefined();
      await ready(inbox.commit(leaseOf('ann'), cursor(1), []));
      expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor: cursor(1), session: undefined });
    });

    it('removes old senders in small steps, when new ones arrive', async () => {
      const scheduler = new VirtualTimeScheduler();
      const path = folder();
      const { inbox } = openStore({ path, scheduler, cursorTtl: DAY });
      for (let index = 0; index < 40; index++) await ready(inbox.commit(leaseOf(`old ${index}`), cursor(1), []));
      scheduler.frame = 2 * DAY;
      await ready(inbox.commit(leaseOf('new'), cursor(1), []));
      expect(sizeOf(path, 'rxwire.logs')).toBe(40 - 16 + 1);
      await ready(inbox.commit(leaseOf('newer'), cursor(1), []));
      await ready(inbox.commit(leaseOf('newest'), cursor(1), []));
      expect(sizeOf(path, 'rxwire.logs')).toBe(3);
      expect(sizeOf(path, 'rxwire.ages')).toBe(3);
    });

    it('makes room for a new sender by forgetting the one that was silent for longest', async () => {
      const scheduler = new VirtualTimeScheduler();
      const path = folder();
      const { inbox } = openStore({ path, scheduler, maxSenders: 2 });
      for (const [day, pid] of ['ann', 'ben', 'ann', 'cid'].entries()) {
        scheduler.frame = day * DAY;
        await ready(inbox.commit(leaseOf(pid), cursor(day + 1), []));
      }
      expect(await ready(recordOf(inbox, 'ben'))).toBeUndefined();
      expect(await ready(recordOf(inbox, 'ann'))).toMatchObject({ cursor: cursor(3) });
      expect(await ready(recordOf(inbox, 'cid'))).toMatchObject({ cursor: cursor(4) });
      expect(sizeOf(path, 'rxwire.ages')).toBe(2);
    });
  });

  it.each(['cursorTtl', 'maxSenders', 'outboxTtl', 'maxOutboxes', 'maxDeadLetters', 'resultTtl', 'maxResults', 'maxMessages', 'maxBytes'])(
    'refuses a %s that is not positive when called',
    (option) => {
      expect(() => lmdbStore({ path: folder(), [option]: 0 })).toThrow(new RangeError(`lmdbStore: "${option}" must be > 0, got 0`));
    },
  );

  it.each(['', 'a\0b', 'x'.repeat(256), 'rxwire.heads'])('refuses to name a table %j', (name) => {
    expect(() => openStore().table(name)).toThrow(TypeError);
  });
});

describe('transact', () => {
  it('writes without a message, all or nothing', async () => {
    const { table, transact, close } = lmdbStore({ path: folder() });
    const accounts = table<number>('accounts');
    const move = (from: string, to: string, amount: number) =>
      transact((transaction) => {
        transaction.put(accounts, to, (transaction.get(accounts, to) ?? 0) + amount);
        const rest = (transaction.get(accounts, from) ?? 0) - amount;
        if (rest < 0) throw new RangeError('too little');
        transaction.put(accounts, from, rest);
      });
    await firstValueFrom(transact((transaction) => transaction.put(accounts, 'ann', 10)));
    await firstValueFrom(move('ann', 'ben', 4));
    await expect(firstValueFrom(move('ann', 'ben', 7))).rejects.toThrow(new RangeError('too little'));
    expect(accounts.entries()).toEqual([
      ['ann', 6],
      ['ben', 4],
    ]);
    expect(accounts.entries({ start: 'ann', reverse: false, limit: 1 })).toEqual([['ann', 6]]);
    close();
  });
});

const sizeOf = (path: string, name: string): number => statsOf(path, name).entryCount;
const transactionsOf = (path: string): number => statsOf(path, 'rxwire.ages').lastTxnId;
