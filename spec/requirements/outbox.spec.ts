import { setTimeout } from 'node:timers/promises';
import { webSocket } from '../../lib/io/webSocket.js';
import type { MaybeAsync } from '../../lib/message/maybeAsync.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { lmdbOutbox } from '../../lib/stores/lmdb/lmdbOutbox.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import type { OutboxStore, OutboxWrite, StoredBatch } from '../../lib/stores/outboxStore.js';
import { webStorageOutbox } from '../../lib/stores/web/webStorageOutbox.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { fakeStorage } from '../stores/fakeStorage.js';
import { folder } from '../stores/lmdb/folder.js';
import { freePort } from '../support/freePort.js';
import { wireServer } from '../support/wireServer.js';

type Limits = { readonly maxMessages?: number; readonly maxBytes?: number };

/** Returns functions that open the same outbox again and again, as the processes of one client do. */
const kinds: Readonly<Record<string, () => (limits?: Limits) => OutboxStore>> = {
  memory: () => (limits) => memoryOutbox(limits),
  'web storage': () => {
    const storage = fakeStorage();
    return (limits) => webStorageOutbox('orders', { storage, ...limits });
  },
  LMDB: () => {
    const path = folder();
    return (limits) => lmdbOutbox({ path, ...limits });
  },
};
/** Reports the ids in the order of the messages, when all have ended. */
const outcomes = async (wire: Wire, ids: readonly string[], text = ''): Promise<Readonly<Record<string, readonly string[]>>> => {
  const results = await Promise.allSettled(ids.map((id) => wire.send(createMessage('order.placed', text, { id }))));
  const of = (status: string): readonly string[] => ids.filter((_, index) => results[index]!.status === status);
  return { acked: of('fulfilled'), dead: of('rejected') };
};
/** Counts what is in an outbox at most. */
function measured(store: OutboxStore) {
  const most = { messages: 0, bytes: 0 };
  let kept: readonly StoredBatch[] = [];
  const write = (change: OutboxWrite): MaybeAsync<void> => {
    const { head, batches, replaces } = change;
    // A batch without a body is a number that is skipped.
    kept = [...(replaces ? [] : kept), ...batches].filter(({ first, count, body }) => first + count - 1 > head.acked && body !== '');
    most.messages = Math.max(most.messages, kept.reduce((sum, { count }) => sum + count, 0)); // prettier-ignore
    most.bytes = Math.max(most.bytes, kept.reduce((sum, { body }) => sum + body.length, 0)); // prettier-ignore
    return store.write(change);
  };
  return { outbox: { ...store, write }, most };
}
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `${index}`);

describe.each(Object.entries(kinds))('R4 an outbox in %s', (kind, place) => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** A client whose server does not run yet, and the ids that reach it once it does. */
  async function offline() {
    const port = await freePort();
    const got: string[] = [];
    const client = (outbox: OutboxStore, maxQueued = 10_000): Wire => {
      const link = webSocket(`ws://127.0.0.1:${port}/wire`);
      const wire = connect({ link, outbox, maxQueued, reconnect: { initialInterval: 10, maxInterval: 10 } });
      wire.errors$.subscribe();
      cleanups.push(() => wire.unsubscribe());
      return wire;
    };
    const start = async (): Promise<void> => {
      const { close } = await wireServer((served) => void served.subscribe(({ id }) => got.push(id)), {}, port);
      cleanups.push(close);
    };
    return { client, start, got };
  }

  it('sends what was sent offline after the connection, in order', async () => {
    const { client, start, got } = await offline();
    const ended = outcomes(client(place()()), names(100));
    await start();
    expect(await ended).toEqual({ acked: names(100), dead: [] });
    expect(got).toEqual(names(100));
  });

  it('is bounded by count and bytes: the others wait, and the wire reports those that it has no room for', async () => {
    for (const limits of [{ maxMessages: 300 }, { maxBytes: 100_000 }]) {
      const { client, start, got } = await offline();
      const { outbox, most } = measured(place()(limits));
      const ended = outcomes(client(outbox, 1_000), names(1_010), 'x'.repeat(500));
      await start();
      expect(await ended).toEqual({ acked: names(1_010).slice(10), dead: names(10) });
      expect(got).toEqual(names(1_010).slice(10));
      expect(most.messages).toBeLessThanOrEqual(limits.maxMessages ?? 512);
      // It is exceeded by at most one batch, of 256 messages.
      expect(most.bytes).toBeLessThanOrEqual((limits.maxBytes ?? Infinity) + 256 * 700);
    }
  });

  if (kind === 'memory') return;
  it('survives the end of its process', async () => {
    const { client, start, got } = await offline();
    const open = place();
    const { outbox, most } = measured(open());
    const first = client(outbox);
    for (const id of names(10)) first.next(createMessage('order.placed', null, { id }));
    while (most.messages < 10) await setTimeout(5);
    first.unsubscribe();
    client(open()).next(createMessage('order.placed', null, { id: '10' }));
    await start();
    for (let n = 0; n < 400 && got.length < 11; n++) await setTimeout(5);
    expect(got).toEqual(names(11));
  });
});
