import { map, of, toArray, lastValueFrom } from 'rxjs';
import { messageState } from '../../lib/operators/sending/messageState.js';
import { replayDeadLetters } from '../../lib/operators/deadLetters/replayDeadLetters.js';
import { queue } from '../../lib/operators/queue/queue.js';
import type { Frame, Link } from '../../lib/io/link.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { MessagePriority } from '../../lib/message/messagePriority.js';
import type { Delivery } from '../../lib/message/types.js';
import { lmdbStore } from '../../lib/stores/lmdb/lmdbStore.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { folder } from '../stores/lmdb/folder.js';
import { record } from '../support/record.js';
import { socketPair } from '../support/socketPair.js';
import { wireServer } from '../support/wireServer.js';

const message = (id: string) => createMessage('order.placed', id, { id });

describe('R5 failures, over a real socket', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function opened(onServerWire: (served: Wire) => void) {
    const both = await socketPair(onServerWire);
    cleanups.push(both.close);
    return both;
  }

  it('handler failure is retried with backoff, then goes to a dead-letter queue that can be read, replayed and persisted', async () => {
    const path = folder();
    const before = lmdbStore({ path });
    const orders = queue('orders', { store: before });
    const tries: number[] = [];
    const fail = (): never => {
      tries.push(performance.now());
      throw new Error('no tea');
    };
    const { wire } = await opened((served) => void served.subscribe(orders));
    const ends = record(
      orders.process(({ id }) => (id === 'a' ? fail() : of(id)), {
        retry: { initialInterval: 20, maxRetries: 2, jitter: 0 },
        deadLetter: before.deadLetters.add,
      }),
    );
    expect((await Promise.all(['a', 'b'].map((id) => wire.send(message(id))))).map(({ status }) => status)).toEqual(['acked', 'acked']);
    expect((await ends.take(2)).map((end) => `${end.message.id} ${end.status} ${end.attempts}`)).toEqual(['a dead 3', 'b done 1']);
    const [first, second, third] = tries as [number, number, number];
    expect([second - first >= 19, third - second >= 39]).toEqual([true, true]);
    orders.close();
    before.close();

    const { deadLetters, close } = lmdbStore({ path });
    cleanups.push(close);
    const read = await lastValueFrom(deadLetters.list().pipe(toArray()));
    expect(read).toMatchObject([{ message: { id: 'a', payload: 'a' }, reason: 'no tea', attempts: 3 }]);
    expect(read[0]?.history.map(({ reason }) => reason)).toEqual(['no tea', 'no tea', 'no tea']);
    const replayed: string[] = [];
    const outcome = replayDeadLetters(deadLetters, ({ id }) => void replayed.push(id));
    expect(await lastValueFrom(outcome)).toMatchObject({ status: 'done' });
    expect([replayed, await lastValueFrom(deadLetters.count())]).toEqual([['a'], 0]);
  });

  describe('a message that cannot be decoded is counted, reported and dropped', () => {
    /** A wire whose first answer is damaged on its way. */
    async function damaging(delivery: Delivery) {
      const server = await wireServer((served) => served.subscribe((one) => served.next(message(`${one.id}, answered`))));
      cleanups.push(server.close);
      let isDamaged = false;
      const damage = (frame: Frame): Frame => {
        if (isDamaged || !String(frame).includes('answered')) return frame;
        isDamaged = true;
        return String(frame).replace('"order.placed"', 'order.placed');
      };
      const link: Link<Frame> = (outgoing) => webSocket(server.url)(outgoing).pipe(map(damage));
      const wire = connect({ link, delivery, reconnect: { initialInterval: 10, jitter: 0 } });
      cleanups.push(() => wire.unsubscribe());
      return {
        wire,
        received: record(wire.pipe(map(({ id }) => id))),
        errors: record(wire.errors$.pipe(map(({ code }) => code))),
        shown: record(wire.errors$),
      };
    }

    it('at most once', async () => {
      const { wire, received, errors, shown } = await damaging('at-most-once');
      await wire.send(message('a'));
      expect([await errors.take(1), wire.state.metrics.errors]).toEqual([['ERR_DECODE'], 1]);
      expect(shown.values).toMatchObject([{ frame: expect.stringMatching(/^.+,"type":order\.placed,/) }]);
      await wire.send(message('b'));
      expect([await received.take(1), errors.values]).toEqual([['b, answered'], ['ERR_DECODE']]);
    });

    it('at least once, and repeats the message over the next connection', async () => {
      const { wire, received, errors } = await damaging('at-least-once');
      await wire.send(message('a'));
      expect(await received.take(1)).toEqual(['a, answered']);
      expect([errors.values, wire.state.metrics.errors]).toEqual([['ERR_DECODE', 'ERR_CONNECTION_LOST'], 2]);
    });
  });

  it('a full queue drops a message and reports it: of a named queue the oldest, of a wire the oldest of the lowest priority', async () => {
    const orders = queue('orders', { maxSize: 1 });
    cleanups.push(orders.close);
    const drops = record(orders.drops$.pipe(map((drop) => `${drop.message.id} ${drop.reason}`)));
    const { wire } = await opened((served) => void served.subscribe(orders));
    ['a', 'b'].forEach((id) => wire.next(message(id)));
    expect(await drops.take(1)).toEqual(['a overflow']);

    const offline = connect({ link: webSocket('ws://127.0.0.1:1/wire'), maxQueued: 2 });
    const states = record(messageState(offline, 'd').pipe(map(({ status, error }) => [status, error?.message])));
    const errors = record(offline.errors$);
    offline.next(createMessage('order.placed', null, { id: 'c', priority: MessagePriority.HIGH }));
    ['d', 'e'].forEach((id) => offline.next(message(id)));
    expect(await states.take(2)).toEqual([
      ['queued', undefined],
      ['dead', 'the message d was dropped: the queue was full (see rxwire/docs/errors.md#err_dropped)'],
    ]);
    expect(errors.values).toMatchObject([{ code: 'ERR_DROPPED', id: 'd', reason: 'overflow' }]);
    offline.unsubscribe();
  });

  it('the end of reconnecting, and of the wire, is reported', async () => {
    const server = await wireServer((served) => served.subscribe());
    const wire = connect({ link: webSocket(server.url), reconnect: { initialInterval: 10, jitter: 0, maxRetries: 2 } });
    const [end, errors, states] = [record(wire), record(wire.errors$), record(wire.state$.pipe(map(({ status }) => status)))];
    await wire.send(message('a'));
    await server.close();
    expect(await end.ended).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP', attempts: 2 });
    expect(errors.values.at(-1)).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP' });
    expect(states.values.at(-1)).toBe('error');
  });
});
