import { jest } from '@jest/globals';
import { distinctUntilChanged, map, throwError } from 'rxjs';
import { ConnectionLostError } from '../../lib/message/errors.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import { exclusive } from '../../lib/stores/web/exclusive.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { fakeLocks } from '../support/fakeLocks.js';
import { record } from '../support/record.js';
import { cuttableLinks, message, wait, wirePair } from './wires.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';

/** Two wires as peers, and how the first one is from the beginning. */
function watchedPair() {
  const { near, far, cut } = cuttableLinks();
  const reconnect = { initialInterval: 100, jitter: 0 };
  const wire = connect({ link: near, protocol: envelopeProtocol, reconnect });
  const state = statuses(wire);
  return { wire, state, cut, peer: connect({ link: far, protocol: envelopeProtocol, reconnect }) };
}

const statuses = (wire: Wire) =>
  record(
    wire.state$.pipe(
      map(({ status }) => status),
      distinctUntilChanged(),
    ),
  );

describe('wire.state$', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 1_000 }));
  afterEach(() => void jest.useRealTimers());

  it('begins with now', () => {
    const wire = connect({ link: cuttableLinks().near, id: 'near' });
    const now = {
      id: 'near',
      status: 'connecting',
      protocol: 'custom',
      endpoint: '',
      createdAt: 1_000,
      lastActivity: 1_000,
      reconnectAttempts: 0,
      metrics: { bytesSent: 0, bytesReceived: 0, messagesSent: 0, messagesReceived: 0, errors: 0, latency: 0, uptime: 0 },
    };
    expect(wire.state).toEqual(now);
    const state = record(wire.state$);
    expect(state.values).toEqual([now]);
    state.subscription.unsubscribe();
  });

  it('describes its protocol and its endpoint', () => {
    const link = Object.assign(cuttableLinks().near, { protocol: 'pigeon', endpoint: 'the loft' });
    expect(connect({ link }).state).toMatchObject({ protocol: 'pigeon', endpoint: 'the loft' });
  });

  it('tells each status in order, the last one too, then completes', async () => {
    const { wire, state, cut } = watchedPair();
    await wait();
    cut();
    await wait(100);
    wire.complete();
    await wait();
    expect(await state.ended).toBe('complete');
    expect(state.values).toEqual(['connecting', 'connected', 'disconnected', 'reconnecting', 'connected', 'disconnecting', 'disconnected']);
  });

  it('ends with "error" when the wire fails', async () => {
    const { wire, state, cut } = watchedPair();
    await wait();
    cut(4401);
    expect(await state.ended).toBe('complete');
    expect(state.values).toEqual(['connecting', 'connected', 'error']);
    expect(wire.state.error).toMatchObject({ code: 'ERR_UNAUTHORIZED', closeCode: 4401, reason: 'cut' });
  });

  it('tells the end to who comes later', async () => {
    const { wire } = wirePair();
    wire.unsubscribe();
    const late = record(wire.state$);
    expect(late.values).toEqual([wire.state]);
    expect(late.values[0]?.status).toBe('disconnected');
    expect(await late.ended).toBe('complete');
  });

  it('stays "disconnecting" while it connects again to drain', async () => {
    const { wire, state, peer, cut } = watchedPair();
    await wait();
    wire.next(message('a'));
    wire.complete();
    cut();
    await wait(100);
    record(peer);
    await wait();
    expect(state.values).toEqual(['connecting', 'connected', 'disconnecting', 'disconnected']);
  });

  it('tells when the next attempt is due, and why', async () => {
    const error = new ConnectionLostError(1006, 'down');
    const link = () => throwError(() => error);
    const wire = connect({ link, reconnect: { initialInterval: 100, jitter: 0 } });
    expect(wire.state).toMatchObject({ status: 'reconnecting', reconnectAttempts: 1, nextAttemptAt: 1_100, error });
    await wait(100);
    expect(wire.state).toMatchObject({ status: 'reconnecting', reconnectAttempts: 2, nextAttemptAt: 1_300, error });
    wire.unsubscribe();
    expect(wire.state).toMatchObject({ status: 'disconnected', reconnectAttempts: 2 });
  });

  it('forgets attempts and errors once it is connected', async () => {
    const { wire, cut } = wirePair();
    await wait();
    cut();
    await wait(100);
    expect(wire.state).toMatchObject({ status: 'connected', reconnectAttempts: 0 });
    expect(wire.state).not.toHaveProperty('error');
    expect(wire.state).not.toHaveProperty('nextAttemptAt');
  });

  it('counts what passes', async () => {
    const { wire, peer } = wirePair();
    record(wire);
    await wait(500);
    wire.next(message('a'));
    wire.next(message('b'));
    peer.next(message('x'));
    await wait(250);
    record(peer);
    await wait();
    const { metrics, lastActivity } = wire.state;
    expect(metrics).toEqual({
      bytesSent: peer.state.metrics.bytesReceived,
      bytesReceived: peer.state.metrics.bytesSent,
      messagesSent: 2,
      messagesReceived: 1,
      errors: 0,
      latency: 250,
      uptime: 750,
    });
    expect(metrics.bytesSent).toBeGreaterThan(100);
    expect(lastActivity).toBe(1_750);
  });

  it('measures the uptime of this connection only', async () => {
    const { wire, cut } = wirePair();
    await wait(500);
    expect(wire.state.metrics.uptime).toBe(500);
    cut();
    await wait(50);
    expect(wire.state.metrics.uptime).toBe(0);
    await wait(350);
    expect(wire.state.metrics.uptime).toBe(300);
    wire.complete();
    await wait();
    expect(wire.state.metrics.uptime).toBe(0);
  });

  it('is read each second while counters move, and only while somebody looks', async () => {
    const { wire, peer } = wirePair();
    record(peer);
    await wait();
    expect(jest.getTimerCount()).toBe(0);
    const state = record(wire.state$);
    wire.next(message('a'));
    await wait(999);
    expect(state.values).toHaveLength(1);
    await wait(1);
    expect(state.values.map(({ metrics }) => metrics.messagesSent)).toEqual([0, 1]);
    await wait(10_000);
    expect(state.values).toHaveLength(2);
    state.subscription.unsubscribe();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('says, within a second, that it waits for an outbox which another wire has open', async () => {
    const { locks } = fakeLocks();
    const open = (): Wire => {
      const store = { ...memoryOutbox(), isDurable: true, write: () => undefined };
      return connect({ link: cuttableLinks().near, outbox: exclusive(store, 'a', { locks }) });
    };
    const [first, second] = [open(), open()];
    const state = record(second.state$.pipe(map(({ status, waitingFor }) => [status, waitingFor])));
    await wait(1_000);
    expect(first.state.waitingFor).toBeUndefined();
    expect(state.values).toEqual([
      ['connecting', undefined],
      ['connecting', 'outbox'],
    ]);
    first.unsubscribe();
    await wait(1_000);
    expect(state.values.at(-1)).toEqual(['connecting', undefined]);
    second.unsubscribe();
    expect(state.values.at(-1)).toEqual(['disconnected', undefined]);
  });

  it('shows no wait of a wire that has ended', async () => {
    const { locks } = fakeLocks();
    const outboxes = [1, 2].map(() => exclusive(memoryOutbox(), 'a', { locks }));
    const [first, second] = outboxes.map((outbox) => connect({ link: cuttableLinks().near, outbox }));
    await wait();
    expect(second!.state.waitingFor).toBe('outbox');
    second!.unsubscribe();
    expect(second!.state.waitingFor).toBeUndefined();
    first!.unsubscribe();
  });

  it('ends with the error of an outbox that cannot say whether it waits, and not the wire', () => {
    let hasFailed = false;
    const isWaiting = (): boolean => {
      if (hasFailed) throw new RangeError('isWaiting');
      return false;
    };
    const wire = connect({ link: cuttableLinks().near, outbox: { ...memoryOutbox(), isWaiting } });
    const errors: unknown[] = [];
    wire.state$.subscribe({ error: (error) => errors.push(error) });
    const { isOver } = record(wire);
    hasFailed = true;
    wire.complete();
    expect([errors, isOver()]).toEqual([[new RangeError('isWaiting')], false]);
    wire.unsubscribe();
  });
});
