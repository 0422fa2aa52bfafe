import { jetstreamManager } from '@nats-io/jetstream';
import { natsCluster, type NatsClusterOptions, type NatsConnection } from '../../../lib/stores/nats/index.js';
import { decodeMessage, encodeMessage, partsOf } from '../../../lib/stores/nats/logMessage.js';
import { describeWith } from '../../support/debian.js';
import { startNats, type Nats } from '../../support/nats.js';
import { batch, commonCases, corruptHeadCases, durableCases, faultOf, ready } from '../../support/outboxCases.js';
import { outboxContract } from '../../support/outboxContract.js';
import { ownerOf, type OutboxOwner } from '../../support/outboxOwner.js';

describeWith('nats-server', 'the outbox of a cluster', (program) => {
  let nats: Nats;
  let connection: NatsConnection;
  let places = 0;
  const stores: OutboxOwner[] = [];
  beforeAll(async () => {
    nats = await startNats(program);
    connection = await nats.connect();
  });
  afterEach(() => stores.splice(0).forEach((store) => store.close()));
  afterAll(() => nats.close());

  /** A place of its own; each store is one of another node. */
  const makePlace = (options: Partial<NatsClusterOptions> = {}) => {
    const pid = `client ${places++}`;
    return {
      pid,
      subject: `rx.outbox.client=20=${pid.slice(7)}`,
      store: () => {
        const store = ownerOf(natsCluster({ connection, name: 'rx', ...options }).outbox(pid));
        stores.push(store);
        return store;
      },
    };
  };
  outboxContract(
    () => {
      const place = makePlace();
      return { ...place, corruptHead: () => connection.request(place.subject, 'x', { timeout: 1_000 }).then(() => undefined) };
    },
    { ...commonCases, ...durableCases, ...corruptHeadCases },
  );
  it('restores bodies that are larger than a message of NATS', async () => {
    const place = makePlace();
    const batches = [batch(1), batch(2, 1, new Uint8Array(2_500_000).fill(7)), batch(3, 1, 'x'.repeat(1_500_000)), batch(4)];
    const store = place.store();
    await ready(store.open());
    await ready(store.add([batches[0]!]));
    await ready(store.add(batches.slice(1, 3)));
    await ready(store.add([batches[3]!]));
    const contents = await ready(place.store().open());
    expect(contents.batches.map(({ body }) => body.length)).toEqual(batches.map(({ body }) => body.length));
    expect(Buffer.compare(contents.batches[1]!.body as Uint8Array, batches[1]!.body as Uint8Array)).toBe(0);
  });

  it('does not count a write whose last entry is missing', async () => {
    const place = makePlace();
    const store = place.store();
    await ready(store.open());
    await ready(store.add([batch(1)]));
    await ready(store.add([batch(2)]));
    await ready(store.set({ mark: 2 }));
    const { streams } = await jetstreamManager(connection);
    const { row } = decodeMessage((await streams.getMessage('rx-outboxes', { last_by_subj: place.subject }))!.data)!;
    const [part] = partsOf({ drop: [[0, Infinity]], put: [[3, batch(3, 1, new Uint8Array(2_000_000))]] }, 1_000_000);
    // The process dies before it has stored the others.
    await connection.request(place.subject, encodeMessage({ write: 'w', index: 0, isLast: false, row, part: part! }), { timeout: 1_000 });
    const next = place.store();
    expect((await ready(next.open())).batches).toEqual([batch(1), batch(2)]);
    await ready(next.add([batch(3, 1, 'again')]));
    expect((await ready(place.store().open())).batches).toEqual([batch(1), batch(2), batch(3, 1, 'again')]);
  });

  it('opens for no hello that is earlier than the one of its owner', async () => {
    const place = makePlace();
    await ready(place.store().open({ epoch: 1, n: 2 }));
    expect(await faultOf(() => place.store().open({ epoch: 1, n: 1 }))).toBe('fenced');
    expect((await ready(place.store().open({ epoch: 1, n: 3 }))).epoch).toBe(2);
  });

  it('has one owner when several nodes open it at once', async () => {
    const place = makePlace();
    const owners = [place.store(), place.store(), place.store()];
    const opened = await Promise.all(owners.map((store) => ready(store.open())));
    expect(opened.map(({ epoch }) => epoch).sort()).toEqual([1, 2, 3]);
    const faults = await Promise.all(owners.map((store) => faultOf(() => store.add([batch(1)]))));
    expect(faults.map((fault, index) => [opened[index]!.epoch, fault]).sort()).toEqual([
      [1, 'fenced'],
      [2, 'fenced'],
      [3, undefined],
    ]);
  });

  it('removes obsolete entries when no earlier owner needs them', async () => {
    // Four timeouts make an entry old.
    const place = makePlace({ timeout: 500 });
    const store = place.store();
    await ready(store.open());
    const { streams } = await jetstreamManager(connection);
    const count = async (): Promise<number> =>
      (await streams.info('rx-outboxes', { subjects_filter: place.subject })).state.subjects?.[place.subject] ?? 0;
    let last = 0;
    do {
      for (let index = 0; index < 50; index++) {
        void ready(store.ack(last - 1));
        await ready(store.add([batch(++last)]));
      }
    } while ((await count()) > last / 2);
    expect((await ready(place.store().open())).batches.at(-1)).toEqual(batch(last));
  });
});
