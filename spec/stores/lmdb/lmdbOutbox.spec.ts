import { symlinkSync } from 'node:fs';
import { relative } from 'node:path';
import { VirtualTimeScheduler } from 'rxjs';
import { StoreError } from '../../../lib/message/errors.js';
import { lmdbOutbox } from '../../../lib/stores/lmdb/lmdbOutbox.js';
import { lmdbStore } from '../../../lib/stores/lmdb/lmdbStore.js';
import type { OutboxStore } from '../../../lib/stores/outboxStore.js';
import { batch, faultOf, ready, type OutboxPlace } from '../../support/outboxCases.js';
import { outboxContract } from '../../support/outboxContract.js';
import { ownerOf, type OutboxOwner } from '../../support/outboxOwner.js';
import { folder, statsOf, tamper } from './folder.js';

const DAY = 86_400_000;

/** A place in a folder that nobody has used, for outboxes of this name. */
function placeOf(name: string, makeStore: (path: string) => OutboxStore): OutboxPlace {
  const path = folder();
  return {
    store: () => makeStore(path),
    corrupt: (last) =>
      tamper(path, 'rxwire.logEntries', (database) => {
        database.putSync([`outbox ${name}`, last], Buffer.from('garbage'));
      }),
    corruptHead: () => tamper(path, 'rxwire.logs', (database) => database.putSync(`outbox ${name}`, Buffer.from([0xc1, 0xff]))),
  };
}

describe('lmdbOutbox', () => {
  outboxContract(() => placeOf('outbox', (path) => lmdbOutbox({ path })));
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
    const before = statsOf(path, 'rxwire.logs').lastTxnId;
    await Promise.all(outboxes.map((outbox) => ready(outbox.add([batch(1), batch(2)]))));
    expect(statsOf(path, 'rxwire.logs').lastTxnId - before).toBe(1);
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

  it('refuses a folder of an earlier version', async () => {
    const path = folder();
    await tamper(path, 'rxwire.heads', (database) => database.putSync('outbox', Buffer.from([1])));
    const error = await ready(lmdbOutbox({ path }).open()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      fault: 'failed',
      cause: { message: `${path} was written by an earlier version of rxwire: use another folder` },
    });
    expect(() => lmdbStore({ path })).toThrow(StoreError);
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
    expect(statsOf(path, 'rxwire.logEntries').entryCount).toBe(3);
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
    await tamper(path, 'rxwire.logs', (database) => database.putSync('outbox ann', Buffer.from([0xc1])));
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
