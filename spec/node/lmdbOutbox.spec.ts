import { symlinkSync } from 'node:fs';
import { relative } from 'node:path';
import { VirtualTimeScheduler } from 'rxjs';
import { lmdbOutbox } from '../../lib/node/lmdbOutbox.js';
import { lmdbStore } from '../../lib/node/lmdbStore.js';
import type { OutboxStore } from '../../lib/session/store/outboxStore.js';
import { batch, faultOf, quotaCases, ready, type OutboxPlace } from '../support/outboxCases.js';
import { outboxContract } from '../support/outboxContract.js';
import { ownerOf, type OutboxOwner } from '../support/outboxOwner.js';
import { folder, statsOf, tamper } from './folder.js';

const DAY = 86_400_000;

/** A place in a folder that nobody has used, for outboxes of this name. */
function placeOf(name: string, makeStore: (path: string) => OutboxStore): OutboxPlace {
  const path = folder();
  return {
    store: () => makeStore(path),
    corrupt: (last) =>
      tamper(path, 'rxwire.batches', (database) => {
        for (const key of [...database.getKeys()] as [string, number, number][]) {
          if (key[1] + key[2] - 1 === last) database.putSync(key, Buffer.from('garbage'));
        }
      }),
    corruptHead: () => tamper(path, 'rxwire.heads', (database) => database.putSync(name, Buffer.from([0xc1, 0xff]))),
  };
}

describe('lmdbOutbox', () => {
  outboxContract(() => placeOf('outbox', (path) => lmdbOutbox({ path })));
  outboxContract(() => {
    const place = placeOf('outbox', (path) => lmdbOutbox({ path, maxBytes: 10_000 }));
    return { ...place, small: place.store };
  }, quotaCases);

  it('is not opened for an earlier hello than its owner has answered: a server may be late', async () => {
    const path = folder();
    const [late, owner] = [ownerOf(lmdbOutbox({ path })), ownerOf(lmdbOutbox({ path }))];
    await ready(owner.open({ epoch: 1, n: 6 }));
    expect(await faultOf(() => late.open({ epoch: 1, n: 5 }))).toBe('fenced');
    expect(await faultOf(() => late.open({ epoch: 0, n: 9 }))).toBe('fenced');
    await ready(owner.add([batch(1)]));
    expect(await faultOf(() => late.open({ epoch: 2, n: 1 }))).toBeUndefined();
    expect(await faultOf(() => owner.add([batch(2)]))).toBe('fenced');
    owner.close();
    late.close();
  });

  it('accepts messages and bytes up to its limits', async () => {
    const outbox = ownerOf(lmdbOutbox({ path: folder(), maxMessages: 10, maxBytes: 100 }));
    await ready(outbox.open());
    await ready(outbox.add([batch(1, 4, 'x'.repeat(40)), batch(5, 4, 'x'.repeat(40))]));
    expect(await faultOf(() => outbox.add([batch(9, 3, 'x')]))).toBe('quota');
    expect(await faultOf(() => outbox.add([batch(9, 1, 'ä'.repeat(11))]))).toBe('quota');
    await ready(outbox.add([batch(9, 2, 'ä'.repeat(9))]));
    expect(await faultOf(() => outbox.add([batch(11, 1, 'x')]))).toBe('quota');
    outbox.close();
  });

  it('counts its messages when it is opened, trimmed, and replaced', async () => {
    const path = folder();
    const outbox = ownerOf(lmdbOutbox({ path, maxMessages: 10 }));
    await ready(outbox.open());
    await ready(outbox.add([batch(1, 4), batch(5, 4)]));
    outbox.close();
    await ready(outbox.open());
    expect(await faultOf(() => outbox.add([batch(9, 3)]))).toBe('quota');
    await Promise.all([ready(outbox.add([batch(9, 2)])), ready(outbox.ack(4))]);
    expect(await faultOf(() => outbox.add([batch(11, 5)]))).toBe('quota');
    await ready(outbox.add([batch(11, 4)]));

    expect(await faultOf(() => outbox.replace({ acked: 14, mark: 14 }, [batch(15, 11)]))).toBe('quota');
    await ready(outbox.replace({ acked: 14, mark: 14 }, [batch(15, 6)]));
    expect(await faultOf(() => outbox.add([batch(21, 5)]))).toBe('quota');
    await ready(outbox.add([batch(21, 4)]));
    outbox.close();
    expect(await ready(outbox.open())).toMatchObject({ acked: 14, last: 24, batches: [batch(15, 6), batch(21, 4)] });
    outbox.close();
  });

  it('does not count numbers without messages as messages', async () => {
    const path = folder();
    const outbox = ownerOf(lmdbOutbox({ path, maxMessages: 10 }));
    await ready(outbox.open());
    await ready(outbox.add([batch(1, 5), batch(6, 200, '')]));
    await ready(outbox.add([batch(206, 5)]));
    expect(await faultOf(() => outbox.add([batch(211, 1)]))).toBe('quota');
    await ready(outbox.ack(205));
    await ready(outbox.add([batch(211, 5)]));
    expect(await faultOf(() => outbox.add([batch(216, 1)]))).toBe('quota');
    outbox.close();
    await ready(outbox.open());
    expect(await faultOf(() => outbox.add([batch(216, 1)]))).toBe('quota');
    outbox.close();
  });

  it('is another sender for each name', async () => {
    const path = folder();
    const [ann, ben] = ['ann', 'ben'].map((name) => ownerOf(lmdbOutbox({ path, name }))) as [OutboxOwner, OutboxOwner];
    const pids = [(await ready(ann.open())).pid, (await ready(ben.open())).pid];
    expect(pids[0]).not.toBe(pids[1]);
    await ready(ann.add([batch(1)]));
    await ready(ben.replace({ acked: 0, mark: 0 }, [batch(1), batch(2)]));
    await ready(ben.ack(1));
    ann.close();
    expect(await ready(ann.open())).toMatchObject({ pid: pids[0], batches: [batch(1)] });
    ann.close();
    ben.close();
  });

  it('shares one transaction with all that write to the same folder', async () => {
    const path = folder();
    const elsewhere = `${folder()}/link`;
    symlinkSync(path, elsewhere);
    const paths = [path, `${path}/`, relative('.', path), elsewhere];
    const outboxes = paths.map((one, index) => ownerOf(lmdbOutbox({ path: one, name: `outbox ${index}` })));
    await Promise.all(outboxes.map((outbox) => ready(outbox.open())));
    const before = statsOf(path, 'rxwire.heads').lastTxnId;
    await Promise.all(outboxes.map((outbox) => ready(outbox.add([batch(1), batch(2)]))));
    expect(statsOf(path, 'rxwire.heads').lastTxnId - before).toBe(1);
    outboxes.forEach((outbox) => outbox.close());
  });

  it('writes all records from before it was closed, even when it is opened again in the meantime', async () => {
    const path = folder();
    const outbox = ownerOf(lmdbOutbox({ path }));
    await ready(outbox.open());
    const appended = ready(outbox.add([batch(1)]));
    outbox.close();
    const contents = await ready(outbox.open());
    await appended;
    expect(contents).toMatchObject({ epoch: 2, batches: [batch(1)] });
    outbox.close();
  });

  it('does nothing until it is subscribed to', async () => {
    const outbox = ownerOf(lmdbOutbox({ path: folder() }));
    await ready(outbox.open());
    outbox.add([batch(1)]);
    outbox.close();
    expect(await ready(outbox.open())).toMatchObject({ batches: [] });
    outbox.close();
  });

  it('delivers that its folder cannot be made', async () => {
    const outbox = ownerOf(lmdbOutbox({ path: '/dev/null/outbox' }));
    expect(await faultOf(() => outbox.open())).toBe('failed');
    outbox.close();
  });

  it.each(['maxMessages', 'maxBytes'])('refuses a %s that is not positive when called', (option) => {
    expect(() => lmdbOutbox({ path: 'never', [option]: 0 })).toThrow(new RangeError(`lmdbOutbox: "${option}" must be > 0, got 0`));
  });

  it.each(['', 'a\0b', 'x'.repeat(256)])('refuses the name %j', (name) => {
    expect(() => lmdbOutbox({ path: 'never', name })).toThrow(TypeError);
  });
});

describe('the outboxes of lmdbStore', () => {
  outboxContract(() =>
    placeOf('ann', (path) => {
      const store = lmdbStore({ path });
      store.close(); // an outbox holds on to the folder itself
      return store.outbox('ann');
    }),
  );

  it('fit in a server: one for each pid', async () => {
    const store = lmdbStore({ path: folder() });
    const options: { readonly outbox: (pid: string) => OutboxOwner } = { outbox: (pid) => ownerOf(store.outbox(pid)) };
    const [ann, ben] = [options.outbox('ann'), options.outbox('ben')];
    expect(await ready(ann.open())).toMatchObject({ epoch: 1 });
    expect(await ready(ben.open())).toMatchObject({ epoch: 1 });
    store.close();
    await ready(ann.add([batch(1)])); // it is open still
    ann.close();
    ben.close();
  });

  it('are kept while they are in use, and 30 days more', async () => {
    const scheduler = new VirtualTimeScheduler();
    const path = folder();
    const store = lmdbStore({ path, scheduler });
    const [used, left] = [ownerOf(store.outbox('used')), ownerOf(store.outbox('left'))];
    await ready(used.open());
    await ready(used.add([batch(1)]));
    await ready(left.open());
    await ready(left.add([batch(1), batch(2)]));
    left.close();
    scheduler.frame = 29 * DAY;
    await ready(used.add([batch(2)]));

    scheduler.frame = 31 * DAY;
    const other = store.outbox('other');
    await ready(other.open());
    expect(await faultOf(() => used.add([batch(3)]))).toBeUndefined();
    expect(await ready(left.open())).toMatchObject({ epoch: 1, batches: [] });
    expect(statsOf(path, 'rxwire.batches').entryCount).toBe(3);
    expect(statsOf(path, 'rxwire.ages').entryCount).toBe(3);
    for (const outbox of [used, left, other]) outbox.close();
    store.close();
  });

  it('make room for a new one when there are too many, unless they are open', async () => {
    const scheduler = new VirtualTimeScheduler();
    const store = lmdbStore({ path: folder(), scheduler, maxOutboxes: 2 });
    const [ann, ben, cid] = ['ann', 'ben', 'cid'].map((name) => ownerOf(store.outbox(name))) as [OutboxOwner, OutboxOwner, OutboxOwner];
    for (const [day, outbox] of [ann, ben, cid].entries()) {
      scheduler.frame = day * DAY;
      await ready(outbox.open());
      await ready(outbox.add([batch(1)]));
      if (outbox === ben) outbox.close();
    }
    expect(await faultOf(() => ann.add([batch(2)]))).toBeUndefined();
    expect(await ready(ben.open())).toMatchObject({ epoch: 1, batches: [] });
    for (const outbox of [ann, ben, cid]) outbox.close();
    store.close();
  });

  it('are not dropped because of index entries of an unreadable head', async () => {
    const scheduler = new VirtualTimeScheduler();
    const path = folder();
    const before = lmdbStore({ path, scheduler }).outbox('ann');
    await ready(before.open());
    before.close();
    await tamper(path, 'rxwire.heads', (database) => database.putSync('ann', Buffer.from([0xc1])));
    scheduler.frame = 20 * DAY;
    const store = lmdbStore({ path, scheduler });
    const ann = ownerOf(store.outbox('ann'));
    await ready(ann.open());
    scheduler.frame = 40 * DAY;
    const other = store.outbox('other');
    await ready(other.open());
    expect(await faultOf(() => ann.add([batch(1)]))).toBeUndefined();
    for (const outbox of [ann, other]) outbox.close();
    store.close();
  });
});
