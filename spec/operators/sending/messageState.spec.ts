import { jest } from '@jest/globals';
import { map, ReplaySubject } from 'rxjs';
import { durable } from '../../../lib/wire/session/clientStores.js';
import { messageState } from '../../../lib/operators/sending/messageState.js';
import { memoryOutbox } from '../../../lib/stores/memoryOutbox.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { record } from '../../support/record.js';
import { pair } from '../../support/sessionPair.js';
import { message, wait, wirePair } from '../../wire/wires.js';

const steps = (wire: Wire, id: string) => record(messageState(wire, id).pipe(map(({ status }) => status)));

/** Both protocols must tell the same. */
const protocols: readonly (readonly [
  name: string,
  open: (options?: { readonly delivery?: 'at-most-once' }) => { wire: Wire; cut: () => void; receive: () => void },
])[] = [
  [
    'session',
    (options) => {
      const listening$ = new ReplaySubject<void>(1);
      const both = pair({ client: options ?? {}, onServerWire: (served) => void listening$.subscribe(() => served.subscribe()) });
      return { wire: both.wire, cut: both.down, receive: () => listening$.next() };
    },
  ],
  [
    'envelope',
    (options) => {
      const { wire, peer, cut } = wirePair(options);
      return { wire, cut, receive: () => void peer.subscribe() };
    },
  ],
];

describe.each(protocols)('messageState, over the protocol %s', (protocol, open) => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  it('tells each step, and completes after the last one', async () => {
    const { wire, receive } = open();
    const state = steps(wire, 'a');
    receive();
    wire.next(message('a'));
    await wait();
    expect(state.values).toEqual(['queued', 'sent', 'acked']);
    expect(await state.ended).toBe('complete');
  });

  it('begins with where the message is, on its way', async () => {
    const { wire, receive } = open();
    wire.next(message('a'));
    // Here both ends are one call away: envelopes go out in the call, a session's batch at the end of the microtask.
    const begun = steps(wire, 'a');
    expect(begun.values).toEqual([protocol === 'session' ? 'queued' : 'sent']);
    await wait();
    const sent = steps(wire, 'a');
    expect(sent.values).toEqual(['sent']);
    receive();
    await wait();
    expect([begun.values.slice(-2), sent.values]).toEqual([
      ['sent', 'acked'],
      ['sent', 'acked'],
    ]);
  });

  it('remembers how it has ended, from the first call on', async () => {
    const { wire, receive } = open();
    receive();
    await wire.send(message('early'));
    expect(steps(wire, 'early').values).toEqual([]);
    await wire.send(message('a'));
    const state = record(messageState(wire, 'a'));
    expect(state.values).toMatchObject([{ id: 'a', status: 'acked', latency: 0 }]);
    expect(await state.ended).toBe('complete');
  });

  it('ends with "sent" where the delivery is at-most-once', async () => {
    const { wire, receive } = open({ delivery: 'at-most-once' });
    receive();
    const state = steps(wire, 'a');
    wire.next(message('a'));
    await wait();
    expect(state.values).toEqual(['queued', 'sent']);
    expect(await state.ended).toBe('complete');
    expect(steps(wire, 'a').values).toEqual(['sent']);
  });

  it('ends with why the message is dead', async () => {
    const { wire, cut } = open();
    cut();
    wire.next(message('a', { ttl: 10, timestamp: 0 }));
    const [expired, closed] = [record(messageState(wire, 'a')), record(messageState(wire, 'b'))];
    wire.next(message('b'));
    await wait(500);
    wire.unsubscribe();
    expect(closed.values.at(-1)).toMatchObject({ status: 'dead', error: { code: 'ERR_DROPPED', reason: 'closed' } });
    expect([await expired.ended, await closed.ended]).toEqual(['complete', 'complete']);
    expect(expired.values.at(-1)?.error).toMatchObject({ code: 'ERR_DROPPED' });
  });

  it('waits for a message that is still to come, and completes with the wire', async () => {
    const { wire } = open();
    const state = steps(wire, 'never');
    await wait();
    expect([state.values, state.isOver()]).toEqual([[], false]);
    wire.unsubscribe();
    expect(await state.ended).toBe('complete');
    expect(await steps(wire, 'never').ended).toBe('complete');
  });

  it('tells all who ask, and each only of its own', async () => {
    const { wire, receive } = open();
    receive();
    const left = steps(wire, 'a');
    left.subscription.unsubscribe();
    const states = [steps(wire, 'a'), steps(wire, 'a'), steps(wire, 'b')];
    await Promise.all([wire.send(message('a')), wait()]);
    expect([left, ...states].map(({ values }) => values.length)).toEqual([0, 3, 3, 0]);
  });

  it('is that of the new message, when an id is used again', async () => {
    const { wire, receive, cut } = open();
    receive();
    steps(wire, 'a');
    await Promise.all([wire.send(message('a')), wait()]);
    cut();
    wire.next(message('a'));
    expect(steps(wire, 'a').values).toEqual(['queued']);
  });
});

describe('messageState', () => {
  it('says that a message is on its way when the wire has ended, and an outbox keeps it', async () => {
    const outbox = { ...memoryOutbox(), isDurable: true, durability: durable };
    const { wire, close } = pair({ client: { outbox } });
    const state = steps(wire, 'a');
    wire.next(message('a'));
    await state.take(3);
    close();
    expect(await state.ended).toBe('complete');
    expect(state.values).toEqual(['queued', 'stored', 'sent']);
    expect(steps(wire, 'a').values).toEqual(['sent']);
  });

  it('remembers a bounded number of ends', async () => {
    const { wire, close } = pair({ onServerWire: (served) => void served.subscribe() });
    record(messageState(wire, 'none')).subscription.unsubscribe();
    for (let n = 0; n < 1_500; n++) wire.next(message(`m${n}`));
    await wire.send(message('last'));
    const isKnown = (id: string): boolean => steps(wire, id).values.length > 0;
    expect(['m0', 'm499', 'm1100', 'm1499', 'last'].map(isKnown)).toEqual([false, false, true, true, true]);
    close();
  });

  it('tells the end of a message that has it while its first step is told', () => {
    const { wire, close } = pair({ client: { maxQueued: 1, overflow: 'drop-oldest' } });
    const seen: string[] = [];
    wire.next(message('a'));
    messageState(wire, 'a').subscribe({
      next: ({ status }) => {
        seen.push(status);
        if (seen.length === 1) wire.next(message('b'));
      },
      complete: () => seen.push('complete'),
    });
    expect(seen).toEqual(['queued', 'dead', 'complete']);
    close();
  });
});
