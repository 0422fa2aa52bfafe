import { jest } from '@jest/globals';
import { HandlerError, SessionLostError } from '../../../lib/message/errors.js';
import { meterWire } from '../../../lib/operators/metrics/meter.js';
import { EMPTY, of, tap, type Observable } from 'rxjs';
import type { Frame } from '../../../lib/io/link.js';
import { memoryLink } from '../../../lib/io/memoryLink.js';
import { serve } from '../../../lib/server/serve.js';
import { connect } from '../../../lib/wire/connect.js';
import { createMetrics } from '../../../lib/adapters/metrics/index.js';
import { pair } from '../../support/sessionPair.js';
import { message, wait, wirePair } from '../../wire/wires.js';
import { recordingSink } from '../../support/recordingSink.js';

describe('meterWire', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  it('times acks, from sending to the ack', async () => {
    const { wire, peer } = wirePair();
    const { sink, of } = recordingSink();
    meterWire(wire, sink);
    await wait();
    wire.next(message('a'));
    await wait(25);
    peer.subscribe();
    await wait();
    expect(of('time')).toContainEqual(['time', 'ack', 25]);
    wire.next(message('b'));
    await wait();
    expect(of('time').filter(([, work]) => work === 'ack')).toEqual([
      ['time', 'ack', 25],
      ['time', 'ack', 0],
    ]);
  });

  it('measures the waiting time of the first message in the queue', async () => {
    const { wire, peer, cut } = wirePair();
    const { sink, of } = recordingSink();
    peer.subscribe();
    await wait();
    meterWire(wire, sink, { queueTimes: true });
    cut();
    wire.next(message('a'));
    await wait(60);
    wire.next(message('b'));
    await wait(40);
    wire.next(message('c'));
    await wait();
    expect(of('time').filter(([, work]) => work === 'queue')).toEqual([
      ['time', 'queue', 100],
      ['time', 'queue', 0],
    ]);
  });

  it('times each 16th of many that wait at once, 64 at most', async () => {
    const { wire, peer, cut } = wirePair();
    const { sink, of } = recordingSink();
    peer.subscribe();
    await wait();
    cut();
    meterWire(wire, sink, { queueTimes: true });
    const times = (): number => of('time').filter(([, work, ms]) => work === 'queue' && ms === 100).length;
    for (let n = 0; n < 160; n++) wire.next(message(`a${n}`));
    await wait(100);
    expect(times()).toBe(10);
    cut();
    for (let n = 0; n < 2_000; n++) wire.next(message(`b${n}`));
    await wait(100);
    expect(times()).toBe(10 + 64);
  });

  it('ends when the sink throws, and reports the error; the wire continues', async () => {
    const { wire, peer } = wirePair();
    const full = new Error('full');
    const failures: unknown[] = [];
    const time = (): void => {
      throw full;
    };
    const measured = meterWire(wire, { ...recordingSink().sink, time }, { onError: (error) => failures.push(error) });
    peer.subscribe();
    expect((await Promise.all([wire.send(message('a')), wire.send(message('b')), wait()])).map((one) => one?.status)).toEqual([
      'acked',
      'acked',
      undefined,
    ]);
    expect([failures, measured.closed]).toEqual([[full], true]);
  });

  it('times reconnecting, from when the connection is lost', async () => {
    const { wire, peer, cut } = wirePair();
    const { sink, of } = recordingSink();
    meterWire(wire, sink);
    peer.subscribe();
    await wait();
    expect(of('time')).toEqual([]);
    cut();
    await wait(100);
    cut();
    await wait(100);
    expect(of('time')).toEqual([
      ['time', 'reconnect', 100],
      ['time', 'reconnect', 100],
    ]);
  });

  it('counts errors by code, and drops by reason', async () => {
    const { wire, cut } = wirePair({ maxQueued: 1 });
    const { sink, of } = recordingSink();
    meterWire(wire, sink);
    cut();
    ['a', 'b', 'c'].forEach((id) => wire.next(message(id)));
    await wait();
    expect(of('error')).toContainEqual(['error', 'ERR_DROPPED', undefined]);
    expect(of('drop').every(([, reason]) => reason === 'overflow')).toBe(true);
    wire.unsubscribe();
    expect(of('drop').at(-1)).toEqual(['drop', 'closed']);
  });

  it('counts errors by the type of their message, if they have it', () => {
    const { wire } = wirePair();
    const { sink, of } = recordingSink();
    meterWire(wire, sink);
    wire.report(new HandlerError({ id: 'a', type: 'chat.said' }, 1, new Error('no')));
    wire.report(new SessionLostError());
    expect(of('error')).toEqual([
      ['error', 'ERR_HANDLER', 'chat.said'],
      ['error', 'ERR_SESSION_LOST', undefined],
    ]);
    wire.unsubscribe();
  });

  it('ends with the wire, and when unsubscribed from', async () => {
    const { wire, peer } = wirePair();
    peer.subscribe();
    const { sink, calls } = recordingSink();
    const { sink: other, calls: once } = recordingSink();
    meterWire(wire, sink);
    const left = meterWire(wire, other);
    wire.next(message('a'));
    await wait();
    expect(calls).toEqual(once);
    left.unsubscribe();
    wire.next(message('b'));
    await wait();
    expect(calls.length).toBe(2 * once.length);
    wire.unsubscribe();
    peer.unsubscribe();
    expect(jest.getTimerCount()).toBe(0);
  });
});

it('meterWire measures a wire of a session', async () => {
  const metrics = createMetrics();
  const { wire, cut, close } = pair({ onServerWire: (served) => void served.subscribe() });
  meterWire(wire, metrics, { queueTimes: true });
  await wire.send(message('a'));
  cut();
  await wire.send(message('b'));
  close();
  const { times, errors } = metrics.snapshot();
  expect(times.ack.count).toBe(2);
  expect(times.reconnect.count).toBe(1);
  expect(times.queue.count).toBe(2);
  expect(errors.byName['ERR_CONNECTION_LOST']).toBe(1);
});

describe('meterWire and the traffic of a session', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  /** The frames that a client sends and receives for 100 messages, one each 5 ms. */
  async function framesOf(isMetered: boolean, options = {}) {
    const [near, far] = memoryLink<Frame>();
    const frames: string[] = [];
    const noted = <T>(source: Observable<T>): Observable<T> => source.pipe(tap((frame) => frames.push(String(frame))));
    const metrics = createMetrics();
    const server = serve(of(far)).subscribe((wire) => {
      wire.subscribe();
      if (isMetered) meterWire(wire, metrics, options);
    });
    const wire = connect({ link: (outgoing) => near(outgoing.pipe(noted)).pipe(noted), id: 'client', signals$: EMPTY });
    if (isMetered) meterWire(wire, metrics, options);
    await wait();
    frames.length = 0;
    for (let n = 0; n < 100; n++) {
      wire.next({ ...message(`m${n}`), timestamp: 0 });
      await wait(5);
    }
    await wait(100);
    const acks = metrics.snapshot().times.ack.count;
    wire.unsubscribe();
    server.unsubscribe();
    return { frames, acks };
  }

  it('does not change a frame', async () => {
    const { frames, acks } = await framesOf(true);
    expect(frames).toEqual((await framesOf(false)).frames);
    expect(acks).toBeGreaterThan(10);
  });

  it('makes the acks prompt with queueTimes, which needs them', async () => {
    const { frames } = await framesOf(true, { queueTimes: true });
    expect(frames.length).toBeGreaterThan((await framesOf(false)).frames.length);
  });
});
