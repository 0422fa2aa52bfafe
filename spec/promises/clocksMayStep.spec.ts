import { jest } from '@jest/globals';
import { asyncScheduler, defer, of, Subject, throwError } from 'rxjs';
import { queue } from '../../lib/operators/queue/queue.js';
import { request } from '../../lib/operators/requests/request.js';
import { ConnectionLostError } from '../../lib/message/errors.js';
import type { Frame, Link } from '../../lib/io/link.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { createMetrics } from '../../lib/adapters/metrics/createMetrics.js';
import { lmdbStore } from '../../lib/stores/lmdb/lmdbStore.js';
import { ackWithin } from '../../lib/operators/ackWithin.js';
import { dedupe } from '../../lib/operators/dedupe.js';
import { retryBackoff } from '../../lib/operators/retryBackoff.js';
import { Bucket } from '../../lib/server/limits/rateLimit.js';
import { serve } from '../../lib/server/serve.js';
import { readFrame } from '../../lib/wire/session/inspected.js';
import { connect } from '../../lib/wire/connect.js';
import { folder } from '../stores/lmdb/folder.js';
import { fakeWire } from '../support/fakeWire.js';
import { ready } from '../support/outboxCases.js';
import { rawEnd, type RawEnd } from '../support/rawEnd.js';
import { record } from '../support/record.js';
import { batch, fieldsOf, helloFrame, welcomeFrame } from '../support/sessionFrames.js';
import { leaseOf, recordOf } from '../support/inboxes.js';

const HOUR = 3_600_000;
const MONTH = 31 * 24 * HOUR;
const STEPS = [
  ['an hour back', -HOUR],
  ['a month ahead', MONTH],
  ['a month back', -MONTH],
] as const;

const item = (id: string): Message => createMessage('test.any', id, { id });

describe('when the clock of the system steps', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] }));
  afterEach(() => void jest.useRealTimers());

  const step = (by: number): void => jest.setSystemTime(Date.now() + by);
  const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

  /** A client whose server the test is. */
  function client(welcome: object) {
    const ends: RawEnd[] = [];
    const link: Link<Frame> = (outgoing) =>
      defer(() => {
        const [end, far] = rawEnd();
        ends.push(end);
        return far(outgoing);
      });
    const wire = connect({ link, reconnect: { initialInterval: 10, maxInterval: 10, jitter: 0 } });
    const enter = async (): Promise<void> => {
      const end = ends.at(-1) as RawEnd;
      const [hello] = await end.frames.take(1);
      end.send(welcomeFrame({ n: fieldsOf(hello)['n'], ...welcome }));
      await pass(0);
    };
    return { wire, ends, enter };
  }

  it.each(STEPS)('rateLimit answers only acks that rise, and keeps its rate: %s', async (_, by) => {
    const links$ = new Subject<Link<Frame>>();
    const server = serve(links$, { rateLimit: { perSecond: 100, burst: 20 } }).subscribe((wire) => wire.subscribe());
    const [{ send, frames, code }, link] = rawEnd();
    links$.next(link);
    send(helloFrame());
    await pass(0);
    send('["ack",0,1024]');
    await pass(0);
    const ids = (count: number) => Array.from({ length: count }, (_, index) => String(index));
    send(batch(1, ...ids(10)));
    await pass(0);
    send(batch(11, ...ids(10)));
    await pass(20);
    step(by);
    await pass(30);
    send('["ping",20]');
    await pass(0);
    const acked = (): readonly number[] =>
      frames.values.flatMap(
        (frame) =>
          /^\["ack",(-?\d+),/
            .exec(frame as string)
            ?.slice(1)
            .map(Number) ?? [],
      );
    expect(acked().at(-1)).toBeGreaterThanOrEqual(14);
    expect(acked().at(-1)).toBeLessThanOrEqual(16);
    expect([...acked()].sort((a, b) => a - b)).toEqual(acked());
    await pass(200);
    expect(acked().at(-1)).toBe(20);
    server.unsubscribe();
    await code;
  });

  it.each(STEPS)('a request fails at its timeout, neither earlier nor later: %s', async (_, by) => {
    const { wire } = fakeWire();
    const [early, late] = [0, 1].map(() => record(request(wire, item('q'), { timeout: 100 })));
    await pass(50);
    step(by);
    const later = record(request(wire, item('r'), { timeout: 100 }));
    await pass(49);
    expect([early?.isOver(), late?.isOver()]).toEqual([false, false]);
    await pass(2);
    expect([early?.isOver(), late?.isOver(), later.isOver()]).toEqual([true, true, false]);
    await pass(50);
    expect(await later.ended).toMatchObject({ code: 'ERR_REQUEST_TIMEOUT' });
  });

  it.each(STEPS)('the heartbeat finds a silent peer within two and a half intervals: %s', async (_, by) => {
    const { wire, ends, enter } = client({ ping: 100 });
    await enter();
    const [end] = ends;
    await pass(110);
    step(by);
    await pass(141);
    expect(await end?.code).toBe(4411);
    wire.unsubscribe();
  });

  it.each(STEPS)('retryBackoff waits for its delay: %s', async (_, by) => {
    let attempts = 0;
    const source = defer(() => (++attempts < 3 ? throwError(() => new Error('not yet')) : of('done')));
    const { values } = record(source.pipe(retryBackoff({ initialInterval: 100, maxInterval: 100 })));
    await pass(50);
    step(by);
    await pass(49);
    expect(attempts).toBe(1);
    await pass(1);
    expect(attempts).toBe(2);
    step(by);
    await pass(100);
    expect(values).toEqual(['done']);
  });

  it.each(STEPS)('a client returns to a stopped server after the requested delay: %s', async (_, by) => {
    const { wire, ends, enter } = client({});
    await enter();
    ends[0]?.send('["bye",200]');
    await pass(100);
    step(by);
    ends[0]?.close(1012);
    await pass(50);
    expect(ends).toHaveLength(1);
    await pass(100);
    expect(ends).toHaveLength(2);
    wire.unsubscribe();
  });

  it.each(STEPS)('the latency of a receipt is a duration: %s', async (_, by) => {
    const { wire, ends, enter } = client({});
    await enter();
    const receipts = record(wire.receipts$);
    wire.next(item('a'));
    await pass(100);
    step(by);
    ends[0]?.send('["ack",1,1024]');
    await pass(0);
    expect(receipts.values.at(-1)).toMatchObject({ status: 'acked', latency: 100 });
    expect(wire.state.metrics.uptime).toBe(100);
    wire.unsubscribe();
  });

  it.each(STEPS)('a queue drops messages that have waited for maxAge, and no others: %s', async (_, by) => {
    const { next, drops$, depth$, close } = queue('jobs', { maxAge: 100 });
    const drops = record(drops$);
    const depth = record(depth$);
    next(item('a'));
    await pass(50);
    next(item('b'));
    await pass(30);
    step(by);
    next(item('c'));
    await pass(19);
    expect(depth.values.at(-1)).toBe(3);
    await pass(2);
    expect(drops.values).toMatchObject([{ message: { id: 'a' }, reason: 'expired' }]);
    await pass(50);
    expect(drops.values.map(({ message }) => message.id)).toEqual(['a', 'b']);
    await pass(30);
    expect(drops.values.map(({ message }) => message.id)).toEqual(['a', 'b', 'c']);
    close();
  });

  it.each(STEPS)('a queue measures the age from the arrival of the message: %s', async (_, by) => {
    const { next, drops$, take, close } = queue('jobs', { maxAge: 100, ageFrom: 'timestamp' });
    const drops = record(drops$);
    next(createMessage('test.any', null, { id: 'a', timestamp: Date.now() - 40 }));
    next(createMessage('test.any', null, { id: 'b', timestamp: Date.now() }));
    await pass(50);
    step(by);
    await pass(20);
    const { values } = record(take());
    expect(values).toMatchObject([{ id: 'b' }]);
    expect(drops.values).toMatchObject([{ message: { id: 'a' } }]);
    close();
  });

  it.each(STEPS)('ackWithin sends again, and gives up, after its timeout: %s', async (_, by) => {
    const sent: string[] = [];
    const source$ = new Subject<Message>();
    const acks$ = new Subject<string>();
    const dead: string[] = [];
    const receipts = record(
      source$.pipe(
        ackWithin(acks$, 100, {
          retries: 1,
          backoffDelay: () => 100,
          send: ({ id }) => void sent.push(id),
          onDead: ({ id }) => void dead.push(id),
        }),
      ),
    );
    source$.next(item('a'));
    await pass(50);
    source$.next(item('b'));
    step(by);
    source$.next(item('c'));
    await pass(49);
    expect(sent).toEqual(['a', 'b', 'c']);
    await pass(2);
    expect(sent).toEqual(['a', 'b', 'c', 'a']);
    step(by);
    acks$.next('c');
    expect(receipts.values).toEqual([{ id: 'c', status: 'acked', attempts: 1, latency: 51 }]);
    await pass(99);
    expect(dead).toEqual(['a']);
    await pass(50);
    expect(dead).toEqual(['a', 'b']);
  });

  it.each(STEPS)('dedupe remembers a key for its ttl: %s', async (_, by) => {
    const source$ = new Subject<Message>();
    const { values } = record(source$.pipe(dedupe({ ttl: 100 })));
    source$.next(item('a'));
    await pass(50);
    step(by);
    source$.next(item('a'));
    expect(values).toHaveLength(1);
    await pass(50);
    source$.next(item('a'));
    expect(values).toHaveLength(2);
  });

  it.each(STEPS)('a snapshot of the metrics covers the time that has passed: %s', async (_, by) => {
    const metrics = createMetrics();
    await pass(50);
    step(by);
    await pass(50);
    const { since, at } = metrics.snapshot();
    expect(at - since).toBe(100);
  });

  it.each(STEPS)('a message has the time of day: %s', (_, by) => {
    step(by);
    expect(item('a').timestamp).toBe(Date.now());
    expect(createMessage('test.any', null, { source: 'x' }).timestamp).toBe(Date.now());
  });
});

describe('when the clock of the system steps, lmdbStore', () => {
  const { now } = Date;
  let offset = 0;
  beforeEach(() => {
    offset = 0;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + offset);
  });
  afterEach(() => void jest.restoreAllMocks());

  const cursor = { done: 7, finished: [] };
  const known = { cursor };
  const pause = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));

  it.each(STEPS)('forgets no sender, and no result, while it is open: %s', async (_, by) => {
    const store = lmdbStore({ path: folder(), cursorTtl: HOUR, resultTtl: HOUR });
    await ready(store.inbox.commit(leaseOf('ann'), cursor, []));
    await ready(store.results.put('key', 42));
    offset = by;
    for (const other of ['ben', 'cy']) await ready(store.inbox.commit(leaseOf(other), cursor, []));
    await ready(store.results.put('other', 43));
    expect(await ready(recordOf(store.inbox, 'ann'))).toMatchObject(known);
    expect(await ready(store.results.get('key'))).toBe(42);
    store.close();
  });

  it.each(STEPS)('forgets a sender after its ttl: %s', async (_, by) => {
    const store = lmdbStore({ path: folder(), cursorTtl: 50 });
    await ready(store.inbox.commit(leaseOf('ann'), cursor, []));
    offset = by;
    await pause(60);
    expect(await ready(recordOf(store.inbox, 'ann'))).toBeUndefined();
    store.close();
  });

  it.each(STEPS)('forgets no sender when it is opened again: %s', async (_, by) => {
    const path = folder();
    for (let times = 0; times < 3; times++) {
      const store = lmdbStore({ path, cursorTtl: 30 * 24 * HOUR });
      if (times === 0) await ready(store.inbox.commit(leaseOf('ann'), cursor, []));
      else expect(await ready(recordOf(store.inbox, 'ann'))).toMatchObject(known);
      await ready(store.inbox.commit(leaseOf(`other ${times}`), cursor, []));
      expect(await ready(recordOf(store.inbox, 'ann'))).toMatchObject(known);
      store.close();
      offset += by;
    }
  });

  it('counts an hour of each pause: a store that was closed for longer keeps its senders no longer than that', async () => {
    const path = folder();
    const before = lmdbStore({ path, cursorTtl: HOUR });
    await ready(before.inbox.commit(leaseOf('ann'), cursor, []));
    before.close();
    offset = 2 * HOUR;
    const after = lmdbStore({ path, cursorTtl: HOUR });
    expect(await ready(recordOf(after.inbox, 'ann'))).toBeUndefined();
    after.close();
  });
});

it('rateLimit takes no tokens away when a scheduler of your own steps back', () => {
  let time = MONTH;
  const bucket = new Bucket(100, 10, { now: () => time, schedule: asyncScheduler.schedule });
  expect(bucket.take(4)).toBe(4);
  time -= HOUR;
  expect([bucket.take(4), bucket.take(4)]).toEqual([4, 2]);
  time += 20;
  expect(bucket.take(4)).toBe(2);
});

describe('a number in a frame that no peer may send', () => {
  it.each([
    ['["ack",-3,10]', 'a whole number >= 0 was expected, got -3'],
    ['["ack",3,-10]', 'a whole number >= 0 was expected, got -10'],
    ['["ack",3,1e300]', 'a whole number >= 0 was expected, got 1e+300'],
    ['["ack",3,"10"]', 'a whole number >= 0 was expected, got string'],
    ['["ping",1.5]', 'a whole number >= 0 was expected, got 1.5'],
    ['["skip",[1,-2]]', 'a whole number >= 0 was expected, got -2'],
  ])('is named in the error: %s', (frame, reason) => {
    expect(() => readFrame(frame)).toThrow(reason);
  });

  it('is in the error of the wire', async () => {
    const [end, link] = rawEnd();
    const wire = connect({ link });
    const ended = record(wire).ended;
    const { n } = fieldsOf((await end.frames.take(1))[0]);
    end.send(welcomeFrame({ n }));
    end.send('["ack",-3,10]');
    const error = await ended;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect((error as ConnectionLostError).reason).toContain('a whole number >= 0 was expected, got -3');
    wire.unsubscribe();
  });
});
