import { jest } from '@jest/globals';
import { Subject } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import { pendingOf, pendingOfTypes, type PendingMessage } from '../../../lib/operators/sending/pendingOf.js';
import { json } from '../../../lib/codec/json.js';
import { keyring } from '../../../lib/codec/keyring.js';
import { sealed } from '../../../lib/codec/sealed.js';
import type { Codec } from '../../../lib/codec/codec.js';
import { createMessage, type MessageOptions } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { lmdbOutbox } from '../../../lib/stores/lmdb/lmdbOutbox.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { folder } from '../../stores/lmdb/folder.js';
import { fakeStorage } from '../../stores/fakeStorage.js';
import { eventually } from '../../support/eventually.js';
import { record } from '../../support/record.js';
import { network, pair, type PairOptions } from '../../support/sessionPair.js';
import { wait, wirePair } from '../../wire/wires.js';

const message = (id: string, options: MessageOptions = {}): Message => createMessage('test.any', id, { ...options, id });
const rows = (list: readonly PendingMessage[] = []): readonly string[] =>
  list.map(({ message: { id }, status, attempts }) => `${id} ${status} ${attempts}`);

let closing: (() => void)[] = [];
afterEach(() => {
  closing.forEach((close) => close());
  closing = [];
});

describe('pendingOf, in virtual time', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  /** A client, and a server that has processed a message when the test says so. */
  function slowPair(options: Omit<PairOptions, 'onServerWire'> = {}) {
    const done = new Map<unknown, Subject<void>>();
    const made = pair({
      ...options,
      onServerWire: (server) =>
        void server.pipe(consume(({ payload }) => done.set(payload, new Subject()).get(payload)!, { concurrency: 9 })).subscribe(),
    });
    closing.push(made.close);
    const list = record(pendingOf(made.wire));
    return { ...made, list, all: () => list.values.map(rows), finish: (id: string): void => done.get(id)?.complete() };
  }

  it('emits an empty array at first, then each step of the messages until they have their outcome', async () => {
    const { wire, all, finish } = slowPair();
    expect(all()).toEqual([[]]);
    await wait(1);
    wire.next(message('a'));
    await wait(50);
    expect(all()).toEqual([[], ['a queued 0'], ['a sent 1']]);
    finish('a');
    await wait(50);
    expect(all()).toEqual([[], ['a queued 0'], ['a sent 1'], []]);
  });

  it('emits the current messages to a late subscriber', async () => {
    const { wire } = slowPair();
    await wait(1);
    wire.next(message('a'));
    await wait(50);
    expect(record(pendingOf(wire)).values.map(rows)).toEqual([['a sent 1']]);
  });

  it('lists the messages to channels by their own types, also when it selects types', async () => {
    const { wire, down, list } = slowPair();
    const selected = record(pendingOfTypes(wire, ['chat.said']));
    await wait(1);
    down();
    const said = createMessage('chat.said', { text: 'hello' }, { id: 'b' });
    wire.next(message('a'));
    channel(wire, 'lobby').next(said);
    await wait();
    expect(list.values.at(-1)).toEqual([
      { message: message('a'), status: 'queued', attempts: 0 },
      { message: { ...said, source: expect.anything() }, channel: 'lobby', status: 'queued', attempts: 0 },
    ]);
    expect(selected.values.at(-1)).toEqual([list.values.at(-1)![1]]);
  });

  it('shows a publish by hand that has no message as it is', async () => {
    const { wire, down, list } = slowPair();
    await wait(1);
    down();
    wire.next(createMessage<string, unknown>('channel.publish', 7));
    await wait();
    expect(list.values.at(-1)).toMatchObject([{ message: { type: 'channel.publish', payload: 7 } }]);
  });

  it('emits once for all changes of a microtask', async () => {
    const { wire, down, all } = slowPair();
    await wait(1);
    down();
    for (let index = 0; index < 100; index++) wire.next(message(String(index)));
    expect(all()).toEqual([[]]);
    await wait();
    expect(all()).toHaveLength(2);
    expect(all()[1]).toEqual(Array.from({ length: 100 }, (_, index) => `${index} queued 0`));
  });

  it('lists sent messages first, by number, and then waiting ones', async () => {
    const { wire, list, finish } = slowPair({ server: { window: 2 } });
    await wait(1);
    for (const id of ['a', 'b', 'c', 'd']) wire.next(message(id));
    await wait(50);
    expect(rows(list.values.at(-1))).toEqual(['a sent 1', 'b sent 1', 'c queued 0', 'd queued 0']);
    finish('a');
    finish('b');
    await wait(50);
    expect(rows(list.values.at(-1))).toEqual(['c sent 1', 'd sent 1']);
  });

  it('counts how often a message was sent, and shows it as sent while there is no connection', async () => {
    const { wire, silence, cut, list, all } = slowPair();
    await wait(1);
    silence(true);
    wire.next(message('a'));
    await wait(50);
    cut();
    await wait();
    expect(rows(list.values.at(-1))).toEqual(['a sent 1']);
    silence(false);
    await wait(50);
    expect(all().at(-1)).toEqual(['a sent 2']);
  });

  it('keeps the entries that do not change, and does not emit without a change', async () => {
    const { wire, down, list } = slowPair();
    await wait(1);
    down();
    wire.next(message('a'));
    await wait();
    wire.next(message('b'));
    await wait();
    const [, first, second] = list.values;
    expect(second?.[0]).toBe(first?.[0]);
    expect(Object.isFrozen(second)).toBe(true);
    wire.next(message('b'));
    await wait(100);
    expect(list.values).toHaveLength(3);
  });

  it.each(['at-most-once', 'at-least-once', 'exactly-once'] as const)('drops a message that was given up: %s', async (delivery) => {
    const { wire, down, up, all } = slowPair({ client: { delivery } });
    await wait(1);
    down();
    wire.next(message('a', { ttl: 20 }));
    wire.next(createMessage<string, unknown>('test.any', () => 'no codec carries this', { id: 'b' }));
    await wait();
    expect(all().at(-1)).toEqual(['a queued 0', 'b queued 0']);
    await wait(20);
    up();
    await wait(50);
    expect(all().at(-1)).toEqual([]);
  });

  it('is bounded by maxQueued', async () => {
    const { wire, down, all } = slowPair({ client: { maxQueued: 2 } });
    await wait(1);
    down();
    for (const id of ['a', 'b', 'c']) wire.next(message(id));
    await wait();
    expect(all().at(-1)).toEqual(['b queued 0', 'c queued 0']);
  });

  it('completes with the wire, without the messages that were dropped', async () => {
    const { wire, down, list, all } = slowPair();
    await wait(1);
    down();
    wire.next(message('a'));
    wire.unsubscribe();
    expect(await list.ended).toBe('complete');
    expect(all().at(-1)).toEqual([]);
    expect(record(pendingOf(wire)).values.map(rows)).toEqual([[]]);
  });

  it('does not watch the receipts without a subscriber', () => {
    const { wire, list } = slowPair();
    list.subscription.unsubscribe();
    const { receipts$ } = wire;
    let watched = 0;
    Object.defineProperty(wire, 'receipts$', { get: () => (watched++, receipts$) });
    const pending$ = pendingOf(wire);
    expect(watched).toBe(0);
    record(pending$).subscription.unsubscribe();
    expect(watched).toBe(1);
  });

  it('does not take a message for an acked one with the same id whose batch is in flight', async () => {
    const { wire, list, finish } = slowPair();
    await wait(1);
    const again = message('a');
    wire.next(message('a'));
    wire.next(message('b'));
    await wait(50);
    finish('a');
    await wait(50);
    wire.next(again);
    await wait(50);
    const found = list.values.at(-1)?.find((entry) => entry.message.id === 'a');
    expect(found?.message).toBe(again);
  });

  it('knows the messages of a server to its client, also after an idle time', async () => {
    const made = pair();
    closing.push(made.close);
    made.wire.pipe(consume(() => new Subject())).subscribe();
    const [server] = await Promise.all([made.serverWire(), wait(10)]);
    server.next(message('a'));
    await wait(60_000);
    server.next(message('b'));
    const list = record(pendingOf(server));
    expect(list.values.map(rows)).toEqual([['a sent 1', 'b queued 0']]);
    await wait(1_000);
    expect(rows(list.values.at(-1))).toEqual(['a sent 1', 'b sent 1']);
  });

  it('works over envelopes', async () => {
    const { wire, peer, cut } = wirePair();
    closing.push(
      () => wire.unsubscribe(),
      () => peer.unsubscribe(),
    );
    const list = record(pendingOf(wire));
    peer.subscribe();
    await wait(10);
    cut();
    wire.next(message('a'));
    wire.next(message('b'));
    await wait(200);
    expect(list.values.map(rows)).toEqual([[], ['a queued 0', 'b queued 0'], ['a sent 1', 'b sent 1'], []]);
  });
});

describe('pendingOf, after a restart', () => {
  const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(7) } });
  const stores = {
    'lmdb, json': () => {
      const path = folder();
      return { codec: (): Codec => json(), outbox: () => lmdbOutbox({ path }) };
    },
    'lmdb, sealed': () => {
      const path = folder();
      return { codec: (): Codec => sealed(json(), keys), outbox: () => lmdbOutbox({ path }) };
    },
    'Web Storage, json': () => {
      const storage = fakeStorage();
      return { codec: (): Codec => json(), outbox: () => webStorageOutbox('chat', { storage, locks: false }) };
    },
  };

  it.each(Object.keys(stores) as (keyof typeof stores)[])(
    'lists the messages that an earlier process has left, until they are acked: %s',
    async (name) => {
      const { codec, outbox } = stores[name]();
      const net = network();
      net.down();
      const start = (): Wire => {
        const wire = net.connect({ codec: codec(), outbox: outbox() });
        closing.push(() => wire.unsubscribe());
        return wire;
      };
      const first = start();
      const draft = createMessage('form.saved', { row: 1 }, { id: 'a', timestamp: 1_000 });
      await first.send(draft, { until: 'stored' });
      await first.send(message('b'), { until: 'stored' });
      first.unsubscribe();

      const second = start();
      const list = record(pendingOf(second));
      // Sent before the outbox is open: it follows what was restored.
      second.next(message('c'));
      await eventually(() => expect(rows(list.values.at(-1))).toEqual(['a stored 0', 'b stored 0', 'c stored 0']));
      const { id, type, payload, timestamp } = list.values.at(-1)![0]!.message;
      expect({ id, type, payload, timestamp }).toEqual({ id: 'a', type: 'form.saved', payload: { row: 1 }, timestamp: 1_000 });

      const gate = new Subject<void>();
      const served = net.serve({ codecs: [codec()] }, (wire) => void wire.pipe(consume(() => gate, { concurrency: 3 })).subscribe());
      closing.push(() => served.unsubscribe());
      net.up();
      await eventually(() => expect(rows(list.values.at(-1))).toEqual(['a sent 1', 'b sent 1', 'c sent 1']));
      gate.complete();
      await eventually(() => expect(list.values.at(-1)).toEqual([]));
    },
  );

  it('emits the messages that the outbox keeps as its last array when the wire ends', async () => {
    const net = network();
    net.down();
    const wire = net.connect({ outbox: lmdbOutbox({ path: folder() }) });
    const list = record(pendingOf(wire));
    await wire.send(message('a'), { until: 'stored' });
    wire.unsubscribe();
    expect(await list.ended).toBe('complete');
    expect(rows(list.values.at(-1))).toEqual(['a stored 0']);
  });

  it('does not list messages that cannot be decoded, which the wire reports and does not send', async () => {
    const storage = fakeStorage();
    const net = network();
    net.down();
    const start = (): Wire => net.connect({ outbox: webStorageOutbox('chat', { storage, locks: false }) });
    const first = start();
    await first.send(message('a'), { until: 'stored' });
    await first.send(message('b'), { until: 'stored' });
    first.unsubscribe();
    const key = [...storage.items.keys()].find((one) => one.includes(':batch:') && storage.items.get(one)!.includes('\\"a\\"'))!;
    storage.items.set(key, storage.items.get(key)!.replace('\\"a\\"', '\\"a'));
    const second = start();
    closing.push(() => second.unsubscribe());
    const [errors, list] = [record(second.errors$), record(pendingOf(second))];
    await eventually(() => expect(rows(list.values.at(-1))).toEqual(['b stored 0']));
    expect(errors.values.map(({ code }) => code)).toContain('ERR_STORE');
  });
});
