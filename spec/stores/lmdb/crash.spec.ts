import { lmdbOutbox } from '../../../lib/stores/lmdb/lmdbOutbox.js';
import { lmdbStore } from '../../../lib/stores/lmdb/lmdbStore.js';
import { batch, faultOf, ready } from '../../support/outboxCases.js';
import { ownerOf } from '../../support/outboxOwner.js';
import { folder } from './folder.js';
import { startChild, type Child } from './processes.js';
import { leaseOf, recordOf } from '../../support/inboxes.js';

const ROUNDS = 6;

/** The highest number that was said after this word. */
const highest = ({ said }: Child, word: string): number =>
  Math.max(0, ...said.filter(([first]) => first === word).map(([, number]) => Number(number)));

describe('a process that is killed while it writes', () => {
  it('has each effect once, up to the cursor, and none above', async () => {
    const path = folder();
    for (let round = 1; round <= ROUNDS; round++) {
      const child = startChild('receive', path);
      await child.until(({ length }) => length > round * 20);
      await child.kill();

      const { inbox, table, close } = lmdbStore({ path });
      const effects = table<number>('effects');
      for (const pid of ['ann', 'ben', 'cid']) {
        const { cursor } = (await ready(recordOf(inbox, pid)))!;
        expect(cursor.done).toBeGreaterThanOrEqual(highest(child, pid));
        expect(effects.entries({ start: [pid], end: [pid, Infinity] })).toEqual(
          Array.from({ length: cursor.done }, (_, index) => [[pid, index + 1], 1]),
        );
      }
      close();
    }
  }, 60_000);

  it('has all that its outbox took, and is the next owner', async () => {
    const path = folder();
    for (let round = 1; round <= ROUNDS; round++) {
      const child = startChild('send', path);
      await child.until(({ length }) => length > round * 20);
      await child.kill();

      const outbox = lmdbOutbox({ path });
      const { epoch, acked, last, batches } = await ready(outbox.open());
      outbox.close();
      expect(epoch).toBe(round * 2);
      expect(last).toBeGreaterThanOrEqual(highest(child, 'appended'));
      expect(acked).toBeGreaterThanOrEqual(highest(child, 'trimmed'));
      const first = Math.floor(acked / 3) * 3 + 1;
      expect(batches).toEqual(Array.from({ length: (last - first + 1) / 3 }, (_, index) => batch(first + index * 3, 3)));
    }
  }, 60_000);
});

describe('two processes with one outbox', () => {
  it('the later one is its owner', async () => {
    const path = folder();
    const mine = ownerOf(lmdbOutbox({ path }));
    expect(await ready(mine.open())).toMatchObject({ epoch: 1 });
    await ready(mine.add([batch(1)]));

    const child = startChild('own', path);
    await child.until((said) => said.length === 1);
    expect(child.said).toEqual([['owner', '2']]);
    expect(await faultOf(() => mine.add([batch(2)]))).toBe('fenced');

    expect(await ready(mine.open())).toMatchObject({ epoch: 3, batches: [batch(1)] });
    child.tell('go on');
    await child.ended;
    expect(child.said[1]).toEqual(['appended', 'fenced']);
    mine.close();
  }, 20_000);

  it('one continues when the other is killed while it writes', async () => {
    const path = folder();
    const { inbox, close } = lmdbStore({ path });
    const child = startChild('receive', path);
    await child.until(({ length }) => length > 20);
    await Promise.all([
      child.kill(),
      ...Array.from({ length: 20 }, (_, done) => ready(inbox.commit(leaseOf(`mine ${done}`), { done, finished: [] }, []))),
    ]);
    await ready(inbox.commit(leaseOf('after'), { done: 1, finished: [] }, []));
    expect(await ready(recordOf(inbox, 'ann'))).toMatchObject({ cursor: { finished: [] } });
    close();
  }, 20_000);
});

describe('a disk that is full', () => {
  it('fails writes without room, and no others', async () => {
    const path = folder();
    const child = startChild('fill', path, 1_000);
    await child.ended;
    expect(child.said).toEqual([
      ['full', expect.stringMatching(/^\d$/), 'failed'], // a limit of the process; on a full disk it is `quota`
      ['trimmed', ''],
      ['appended', ''],
    ]);
    const outbox = lmdbOutbox({ path });
    const last = Number(child.said[0]![1]);
    expect(await ready(outbox.open())).toMatchObject({ acked: last - 1, last, batches: [batch(last)] });
    outbox.close();
  }, 20_000);
});
