import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { createMessage } from '../../../lib/message/createMessage.js';
import { lmdbStore, type LmdbStore } from '../../../lib/stores/lmdb/lmdbStore.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import type { DeadLetter } from '../../../lib/stores/deadLetterStore.js';
import { pair } from '../../support/sessionPair.js';
import { deadLetterCases } from '../../support/deadLetterCases.js';
import { ready } from '../../support/outboxCases.js';
import { folder, tamper } from './folder.js';
import { leaseOf, recordOf } from '../../support/inboxes.js';

const letter = (id: string): DeadLetter => ({
  message: createMessage('spec.letter', { text: id, bytes: Uint8Array.of(1, 2) }, { id, timestamp: 0 }),
  reason: 'ERR_TEST',
  error: 'it was tested',
  attempts: 3,
  history: [{ reason: 'ERR_TEST', error: 'it was tested', at: 4 }],
  at: 5,
});

describe('the dead letters of lmdbStore', () => {
  it.each(Object.entries(deadLetterCases))('%s', async (_, check) => {
    const store = lmdbStore({ path: folder(), maxDeadLetters: 3 });
    await check(store.deadLetters);
    store.close();
  });

  let store: LmdbStore;
  const start = (path = folder(), maxDeadLetters = 10_000): void => void (store = lmdbStore({ path, maxDeadLetters }));
  const bury = (...ids: string[]): Promise<void> =>
    ready(
      store.inbox.commit(
        leaseOf('ann'),
        { done: 1, finished: [] },
        ids.map((id) => ({ deadLetter: letter(id) })),
      ),
    );
  const listed = () => lastValueFrom(store.deadLetters.list().pipe(toArray()));
  const ids = async () => (await listed()).map(({ message }) => message.id);
  afterEach(() => (store as LmdbStore | undefined)?.close());

  it('are stored with the cursor, and found again', async () => {
    const path = folder();
    start(path);
    await bury('a', 'b');
    store.close();
    start(path);
    expect(await firstValueFrom(store.deadLetters.count())).toBe(2);
    expect(await listed()).toEqual([
      { ...letter('a'), id: 1 },
      { ...letter('b'), id: 2 },
    ]);
    expect(await ready(recordOf(store.inbox, 'ann'))).toMatchObject({ cursor: { done: 1 } });
  });

  it('are evicted above the limit, the oldest first, and reported', async () => {
    start(undefined, 2);
    const dropped: unknown[] = [];
    store.deadLetters.dropped$.subscribe(({ id, message }) => dropped.push([id, message.id]));
    await bury('a', 'b');
    expect(dropped).toEqual([]);
    await bury('c');
    await bury('d', 'e', 'f');
    expect(await ids()).toEqual(['e', 'f']);
    expect(dropped).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
      [4, 'd'],
    ]);
  });

  it('are not dropped when their transaction fails', async () => {
    start(undefined, 1);
    const dropped: unknown[] = [];
    store.deadLetters.dropped$.subscribe((one) => dropped.push(one));
    await bury('a');
    const completions = [
      { deadLetter: letter('b') },
      {
        effect: () => {
          throw new Error('no');
        },
      },
    ];
    await expect(ready(store.inbox.commit(leaseOf('ann'), { done: 2, finished: [] }, completions))).rejects.toThrow('no');
    expect([await ids(), dropped]).toEqual([['a'], []]);
  });

  it('can be taken once, and ids are never reused', async () => {
    start();
    await bury('a', 'b');
    const taken = store.deadLetters.take(2);
    expect(await firstValueFrom(taken)).toEqual({ ...letter('b'), id: 2 });
    expect(await lastValueFrom(taken.pipe(toArray()))).toEqual([]);
    await bury('c');
    expect((await listed()).map(({ id }) => id)).toEqual([1, 3]);
  });

  it('can be processed again in the transaction that removes them', async () => {
    start();
    const done = store.table<string>('done');
    await bury('a', 'b');
    await firstValueFrom(store.deadLetters.take(1, (transaction, { message }) => transaction.put(done, message.id, 'yes')));
    const fails = store.deadLetters.take(2, (transaction, { message }) => {
      transaction.put(done, message.id, 'yes');
      throw new RangeError('still no');
    });
    await expect(firstValueFrom(fails)).rejects.toThrow(new RangeError('still no'));
    expect(done.entries()).toEqual([['a', 'yes']]);
    expect(await ids()).toEqual(['b']);
  });

  it('can be removed', async () => {
    start();
    await bury('a', 'b');
    expect(await firstValueFrom(store.deadLetters.remove(1))).toBe(true);
    expect(await firstValueFrom(store.deadLetters.remove(1))).toBe(false);
    expect(await ids()).toEqual(['b']);
  });

  it('are kept once by a session whose handlers add them, too', async () => {
    start();
    const { deadLetters, inbox } = store;
    const fail = (): never => {
      throw new Error('no');
    };
    const { wire, close } = pair({
      server: { inbox },
      onServerWire: (there) => void there.pipe(consume(fail, { retry: false, deadLetter: deadLetters.add })).subscribe(),
    });
    for (const id of ['a', 'b']) await wire.send(createMessage('spec.letter', null, { id }));
    expect(await ids()).toEqual(['a', 'b']);
    close();
  });

  it('are omitted and reported when they are unreadable', async () => {
    const path = folder();
    start(path);
    await bury('a', 'b', 'c');
    store.close();
    await tamper(path, 'rxwire.logEntries', (database) => {
      database.putSync(['letters', 1], Buffer.from([0xc1]));
      database.putSync(['letters', 2], Buffer.from([0, 0, 0, 0, 0x80]));
    });
    start(path);
    const told: string[] = [];
    store.faults$.subscribe(({ fault }) => told.push(fault));
    expect([await ids(), told]).toEqual([['c'], ['corrupt', 'corrupt']]);
  });
});
