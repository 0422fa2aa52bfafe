import { StoreError } from '../../../lib/message/errors.js';
import type { LocksLike } from '../../../lib/io/webLocks.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import { batch, faultOf, faultsOf, quotaCases, ready } from '../../support/outboxCases.js';
import { outboxContract } from '../../support/outboxContract.js';
import { ownerOf } from '../../support/outboxOwner.js';
import { fakeStorage, type FakeStorage } from '../fakeStorage.js';

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(255);

/** A stored head. */
const headText = (fields: object): string =>
  JSON.stringify({
    head: { pid: 'p', epoch: 1, acked: 0, last: 3, mark: 0, skips: [], isPaused: false, codec: '', ...fields },
    last: 3,
    generation: 0,
  });

/** An open outbox, and where it lies. */
async function outbox(quota?: number) {
  const storage = fakeStorage(quota);
  const store = ownerOf(webStorageOutbox('a', { storage, locks: false }));
  const told = faultsOf(store);
  const { pid } = await ready(store.open());
  const batches = async () => (await ready(webStorageOutbox('a', { storage, locks: false }).open())).batches;
  return { storage, store, told, pid, batches };
}

describe('webStorageOutbox', () => {
  outboxContract(() => {
    const storage = fakeStorage();
    const damage = (part: string): void => {
      for (const key of storage.items.keys()) if (key.includes(part)) storage.items.set(key, '{ "first": ');
    };
    return {
      store: () => webStorageOutbox('a', { storage, locks: false }),
      corrupt: (last) => damage(`batch:a:0.${last}`),
      corruptHead: () => damage('head:'),
    };
  });
  outboxContract(() => {
    const storage = fakeStorage(5_000);
    const store = () => webStorageOutbox('a', { storage, locks: false });
    return { store, small: store };
  }, quotaCases);

  it('answers at once', () => {
    const store = ownerOf(webStorageOutbox('a', { storage: fakeStorage(), locks: false }));
    expect(store.open()).toMatchObject({ epoch: 1, acked: 0, batches: [] });
    expect(store.add([batch(1)])).toBeUndefined();
    expect(store.ack(1)).toBeUndefined();
  });

  it('has limits', () => {
    expect(webStorageOutbox('a')).toMatchObject({ isDurable: true, maxMessages: 10_000, maxBytes: 2 * 1024 * 1024 });
    expect(() => webStorageOutbox('a', { maxBytes: 0 })).toThrow(new RangeError('webStorageOutbox: "maxBytes" must be > 0, got 0'));
    expect(() => webStorageOutbox('a', { maxMessages: 0 })).toThrow(new RangeError('webStorageOutbox: "maxMessages" must be > 0, got 0'));
  });

  it('shares a storage with other data', async () => {
    const { storage, store, batches } = await outbox();
    storage.setItem('theirs', 'kept');
    const others = ['a:1', 'batch:a', ''].map((name) => ownerOf(webStorageOutbox(name, { storage, locks: false })));
    for (const other of others) {
      await ready(other.open());
      await ready(other.add([batch(1, 1, 'other')]));
    }
    await ready(store.add([batch(1), batch(2)]));
    await ready(store.replace({ acked: 1, mark: 1 }, [batch(2, 1, 'mine')]));
    expect(await batches()).toEqual([batch(2, 1, 'mine')]);
    for (const name of ['a:1', 'batch:a', ''])
      expect((await ready(webStorageOutbox(name, { storage, locks: false }).open())).batches).toEqual([batch(1, 1, 'other')]);
    expect(storage.getItem('theirs')).toBe('kept');
  });

  describe('when the storage is full', () => {
    it('stores none of the new records, and keeps the stored ones', async () => {
      const { store, batches } = await outbox(5_000);
      await ready(store.add([batch(1, 1, bytes(300))]));
      expect(await faultOf(() => store.add([batch(2), batch(3, 1, bytes(10_000))]))).toBe('quota');
      expect(await batches()).toEqual([batch(1, 1, bytes(300))]);
    });

    it('takes the same again once there is room', async () => {
      const { store, batches } = await outbox(5_000);
      await ready(store.add([batch(1, 1, bytes(3_000))]));
      const more = [batch(2), batch(3, 1, bytes(3_000))];
      expect(await faultOf(() => store.add(more))).toBe('quota');
      await ready(store.ack(1));
      await ready(store.add(more));
      expect(await batches()).toEqual(more);
    });

    it('can still store its acks and its identity', async () => {
      const { storage, store, batches } = await outbox();
      await ready(store.add(Array.from({ length: 12 }, (_, index) => batch(index + 1))));
      storage.quota = 0;
      await ready(store.set({ ticket: { sid: 's'.repeat(43), rt: 'r'.repeat(43), former: [] } }));
      await ready(store.ack(11));
      expect(await batches()).toEqual([batch(12)]);
      const { acked, ticket } = await ready(webStorageOutbox('a', { storage, locks: false }).open());
      expect([acked, ticket?.rt]).toEqual([11, 'r'.repeat(43)]);
    });

    it('changes nothing when there is no room for the replacement', async () => {
      const { storage, store, batches } = await outbox(5_000);
      await ready(store.add([batch(1), batch(2)]));
      expect(await faultOf(() => store.replace({ acked: 1, mark: 1 }, [batch(2, 1, bytes(1_000)), batch(3, 1, bytes(5_000))]))).toBe(
        'quota',
      );
      expect(await batches()).toEqual([batch(1), batch(2)]);
      expect(await ready(webStorageOutbox('a', { storage, locks: false }).open())).toMatchObject({ acked: 0 });
    });

    it('needs no room for both the old and the new records', async () => {
      const { store, batches } = await outbox(5_000);
      await ready(store.add([batch(1, 1, bytes(3_000))]));
      await ready(store.replace({ acked: 0, mark: 0 }, [batch(1, 1, bytes(3_100))]));
      expect(await batches()).toEqual([batch(1, 1, bytes(3_100))]);
    });

    it('reports when not even its head has room', async () => {
      const store = webStorageOutbox('a', { storage: fakeStorage(100), locks: false });
      expect(await faultOf(() => store.open())).toBe('quota');
    });

    it('knows the error of older browsers', async () => {
      const storage = fakeStorage();
      const store = ownerOf(webStorageOutbox('a', { storage, locks: false }));
      await ready(store.open());
      storage.setItem = () => {
        throw new DOMException('It is full.', 'NS_ERROR_DOM_QUOTA_REACHED');
      };
      expect(await faultOf(() => store.add([batch(1)]))).toBe('quota');
    });
  });

  describe('when it is cleared while it is open', () => {
    it('reports it, and continues as the same sender', async () => {
      const { storage, store, told, pid, batches } = await outbox();
      await ready(store.add([batch(1), batch(2)]));
      await ready(store.set({ ticket: { sid: 's', rt: 'r', former: [] } }));
      await ready(store.ack(1));
      storage.items.clear();
      await ready(store.add([batch(3)]));
      expect(told).toEqual(['evicted']);
      await ready(store.ack(2));
      expect(await batches()).toEqual([batch(3)]);
      expect(await ready(webStorageOutbox('a', { storage, locks: false }).open())).toMatchObject({
        pid,
        acked: 2,
        ticket: { sid: 's', rt: 'r', former: [] },
      });
      expect(told).toEqual(['evicted']);
    });

    it('keeps later owners apart: its epoch is still taken', async () => {
      const { storage, store } = await outbox();
      storage.items.clear();
      await ready(store.add([batch(1)]));
      expect(await ready(webStorageOutbox('a', { storage, locks: false }).open())).toMatchObject({ epoch: 2 });
    });

    it('fences an older owner that writes first', async () => {
      const { storage, store: stale, batches } = await outbox();
      const owner = ownerOf(webStorageOutbox('a', { storage, locks: false }));
      await ready(owner.open());
      storage.items.clear();
      await ready(stale.add([batch(1, 1, 'stale')]));
      await ready(owner.add([batch(1, 1, 'owner')]));
      expect(await faultOf(() => stale.add([batch(2, 1, 'stale')]))).toBe('fenced');
      expect(await batches()).toEqual([batch(1, 1, 'owner')]);
    });

    it('can store all again at once', async () => {
      const { storage, store, batches } = await outbox();
      await ready(store.add([batch(1)]));
      store.faults$?.subscribe(() => void store.replace({ acked: 0, mark: 0 }, [batch(1), batch(2)]));
      storage.items.clear();
      await ready(store.add([batch(2)]));
      expect(await batches()).toEqual([batch(1), batch(2)]);
    });

    it('is fenced when another sender has moved in', async () => {
      const { storage, store, told, batches } = await outbox();
      storage.items.clear();
      await ready(webStorageOutbox('a', { storage, locks: false }).open());
      expect(await faultOf(() => store.add([batch(1)]))).toBe('fenced');
      expect(told).toEqual(['fenced']);
      expect(await batches()).toEqual([]);
    });

    it('mends a head that was damaged', async () => {
      const { storage, store, told, pid, batches } = await outbox();
      await ready(store.add([batch(1)]));
      storage.items.set('rxwire:head:a', '{}');
      await ready(store.add([batch(2)]));
      expect(told).toEqual(['corrupt']);
      expect(await batches()).toEqual([batch(1), batch(2)]);
      expect(await ready(webStorageOutbox('a', { storage, locks: false }).open())).toMatchObject({ pid });
    });
  });

  describe('when records are corrupt', () => {
    it.each([
      ['is no JSON', '{'],
      ['is of another shape', '[1]'],
      ['is nothing', 'null'],
      ['is not of this number', '{"first":3,"level":"exactly-once","body":"x"}'],
      ['begins before the one before ends', '{"first":1,"level":"exactly-once","body":"x"}'],
      ['has a number that is none', '{"first":1.5,"level":"exactly-once","body":"x"}'],
      ['is of an unknown level', '{"first":2,"level":"twice","body":"x"}'],
      ['has no body', '{"first":2,"level":"exactly-once"}'],
      ['has a body that is none', '{"first":2,"level":"exactly-once","body":{}}'],
      ['has wrong base64', '{"first":2,"level":"exactly-once","bytes":"@@"}'],
    ])('leaves out one that %s', async (_, text) => {
      const { storage, store } = await outbox();
      await ready(store.add([batch(1), batch(2), batch(3)]));
      storage.items.set('rxwire:batch:a:0.2', text);
      const next = webStorageOutbox('a', { storage, locks: false });
      const told = faultsOf(next);
      expect((await ready(next.open())).batches).toEqual([batch(1), batch(3)]);
      expect(told).toEqual(['corrupt']);
    });

    it.each([
      '{}',
      '[]',
      '7',
      headText({ pid: '' }),
      headText({ epoch: -1 }),
      headText({ acked: undefined }),
      headText({ skips: [0.5] }),
      '',
    ])('begins anew with the head %s', async (text) => {
      const { storage, store, pid } = await outbox();
      await ready(store.add([batch(1)]));
      storage.items.set('rxwire:head:a', text);
      const next = webStorageOutbox('a', { storage, locks: false });
      const told = faultsOf(next);
      const contents = await ready(next.open());
      expect(contents).toMatchObject({ epoch: 1, acked: 0, batches: [] });
      expect(contents.pid).not.toBe(pid);
      expect(told).toEqual(['corrupt']);
      expect([...storage.items.keys()]).toEqual(['rxwire:head:a']);
    });

    it('refuses the data of an earlier version', async () => {
      const storage = fakeStorage();
      storage.items.set('rxwire:head:a', JSON.stringify({ pid: 'p', epoch: 1, generation: 0 }));
      const error = await ready(webStorageOutbox('a', { storage, locks: false }).open()).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ fault: 'failed', cause: { message: 'an earlier version has written the data: remove it' } });
      expect([...storage.items.keys()]).toEqual(['rxwire:head:a']);
    });

    it('begins anew when batches are left without a head', async () => {
      const { storage, store } = await outbox();
      await ready(store.add([batch(1)]));
      storage.items.delete('rxwire:head:a');
      const next = webStorageOutbox('a', { storage, locks: false });
      const told = faultsOf(next);
      expect(await ready(next.open())).toMatchObject({ epoch: 1, batches: [] });
      expect(told).toEqual(['corrupt']);
      expect([...storage.items.keys()]).toEqual(['rxwire:head:a']);
    });

    it('takes a ticket that is corrupt for none', async () => {
      const { storage, store, pid } = await outbox();
      await ready(store.add([batch(1)]));
      storage.items.set('rxwire:head:a', headText({ pid, ticket: { sid: 1 } }));
      const contents = await ready(webStorageOutbox('a', { storage, locks: false }).open());
      expect(contents).toMatchObject({ pid, epoch: 2, batches: [batch(1)] });
      expect(contents.ticket).toBeUndefined();
    });

    it('omits acked messages when the page ended before their removal', async () => {
      const { storage, store, pid, told, batches } = await outbox();
      await ready(store.add([batch(1), batch(2)]));
      storage.items.set('rxwire:head:a', headText({ pid, acked: 1 }));
      expect(await batches()).toEqual([batch(2)]);
      expect(told).toEqual([]);
    });
  });

  describe('when the page ends during a write', () => {
    /** Lets so many changes of the storage happen, and no more. */
    const stopAfter = (storage: FakeStorage, changes: number): void => {
      let left = changes;
      const { setItem, removeItem } = storage;
      const isOver = (): boolean => left-- <= 0;
      storage.setItem = (key, value) => {
        if (!isOver()) setItem.call(storage, key, value);
      };
      storage.removeItem = (key) => {
        if (!isOver()) removeItem.call(storage, key);
      };
    };
    const old = [batch(1), batch(2)];
    it.each([
      ['adds', false, [0, 1, 2], [...old, batch(3), batch(4)]],
      ['replaces', true, [0, 1, 2], [batch(3), batch(4)]],
    ] as const)('has all or nothing of a write that %s', async (_, replaces, before, after) => {
      for (let changes = 0; changes < 6; changes++) {
        const { storage, store } = await outbox();
        await ready(store.add(old));
        const copy = fakeStorage();
        for (const [key, value] of storage.items) copy.items.set(key, value);
        const writer = ownerOf(webStorageOutbox('a', { storage: copy, locks: false }));
        await ready(writer.open());
        stopAfter(copy, changes);
        const head = { acked: 0, last: 4, mark: 4, skips: [], isPaused: false, codec: 'json' };
        await ready(writer.write({ head, batches: [batch(3), batch(4)], replaces }));
        const left = fakeStorage();
        for (const [key, value] of copy.items) left.items.set(key, value);
        const found = await ready(webStorageOutbox('a', { storage: left, locks: false }).open());
        const isOld = (before as readonly number[]).includes(changes);
        expect([found.batches, found.mark]).toEqual(isOld ? [old, 0] : [after, 4]);
        expect([...left.items.keys()].filter((key) => key.includes('batch'))).toHaveLength(found.batches.length);
      }
    });
  });

  it('keeps nothing of acked and replaced messages', async () => {
    const { storage, store } = await outbox();
    await ready(store.add([batch(1), batch(2), batch(3), batch(4)]));
    await ready(store.replace({ acked: 0, mark: 0 }, [batch(1), batch(2, 7)]));
    await ready(store.ack(8));
    expect([...storage.items.keys()]).toEqual(['rxwire:head:a']);
  });

  it('lets one tab at a time be its owner', async () => {
    const names: string[] = [];
    const locks: LocksLike = { request: (name, _, granted) => (names.push(name), Promise.resolve(granted())) };
    const store = webStorageOutbox('a', { storage: fakeStorage(), locks });
    await ready(store.open());
    expect(names).toEqual(['rxwire:web-storage:a']);
    store.close();
  });

  describe('where no storage can be used', () => {
    it('fails to open, for want of localStorage', async () => {
      const error = await ready(webStorageOutbox('a', { locks: false }).open()).catch((reason: unknown) => reason);
      expect(error).toEqual(new StoreError('web-storage', 'failed'));
      expect((error as Error).cause).toEqual(new Error('localStorage is not available'));
    });

    it('fails to open when the browser refuses it', async () => {
      const refusal = new DOMException('Access is denied.', 'SecurityError');
      const denied = {
        get(): never {
          throw refusal;
        },
        configurable: true,
      };
      Object.defineProperty(globalThis, 'localStorage', denied);
      try {
        const error = await ready(webStorageOutbox('a', { locks: false }).open()).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ fault: 'failed', cause: refusal });
      } finally {
        Reflect.deleteProperty(globalThis, 'localStorage');
      }
    });

    it('is accessed when it is opened, not before', async () => {
      const store = webStorageOutbox('a', { locks: false });
      Object.defineProperty(globalThis, 'localStorage', { value: fakeStorage(), configurable: true });
      try {
        expect(await ready(store.open())).toMatchObject({ epoch: 1 });
      } finally {
        Reflect.deleteProperty(globalThis, 'localStorage');
      }
    });
  });
});
