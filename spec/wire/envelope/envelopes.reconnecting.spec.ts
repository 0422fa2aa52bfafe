import { jest } from '@jest/globals';
import { VirtualTimeScheduler } from 'rxjs';
import { ConnectionLostError, OverflowError, ReconnectGivenUpError, SessionLostError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { envelopes } from '../../../lib/wire/envelope/envelopes.js';
import { isTemporary } from '../../../lib/wire/session/reconnect.js';
import { message, openSession, wait } from './envelopeSession.js';

const welcome = (resumed: boolean) => createMessage('system.welcome', { resumed });

describe('envelopes: a link that is lost', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  it('is opened again, from 0.5 to 30 s later, with full jitter', async () => {
    const { peer, events } = openSession({ reconnect: { random: () => 1 } });
    expect(events).toEqual([{ kind: 'open' }]);
    peer.setUp(false);
    peer.lose();
    await wait(200_000);
    const delays = events.flatMap((event) => (event.kind === 'retry' ? [event.delay] : []));
    expect(delays.slice(0, 8)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(events[1]).toEqual({ kind: 'retry', attempt: 1, delay: 500, error: new ConnectionLostError(1006, 'lost') });
    const half = openSession({ reconnect: { random: () => 0.5 } }, false);
    expect(half.events).toMatchObject([{ kind: 'retry', delay: 250 }]);
  });

  it('is opened again at once only when something has arrived', async () => {
    const { peer, events } = openSession({ reconnect: { initialInterval: 100, jitter: 0 } });
    const attempts = (): number[] => events.splice(0).flatMap((event) => (event.kind === 'retry' ? [event.attempt] : []));
    peer.lose();
    await wait(100);
    peer.lose();
    await wait(200);
    expect(attempts()).toEqual([1, 2]);
    peer.send(message('a'));
    peer.lose();
    expect(attempts()).toEqual([1]);
  });

  it('takes its time from the scheduler of the session', () => {
    const scheduler = new VirtualTimeScheduler();
    const { peer } = openSession({ scheduler });
    peer.lose();
    scheduler.flush();
    expect(peer.connections()).toBe(2);
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each([1003, 1008, 1009, 4400, 4401, 4403, 4409])('is given up when it was closed with %i', async (code) => {
    const { peer, received, events } = openSession();
    peer.lose(code);
    expect(await received.ended).toMatchObject({ closeCode: code, reason: 'lost' });
    expect(events).toEqual([{ kind: 'open' }]);
  });

  it('is given up after maxRetries without success', async () => {
    const { received } = openSession({ reconnect: { initialInterval: 10, maxRetries: 3 } }, false);
    await wait(1_000);
    const error = (await received.ended) as ReconnectGivenUpError;
    expect(error).toEqual(new ReconnectGivenUpError(3, new ConnectionLostError(1006, 'down')));
    expect([error.attempts, error.cause]).toEqual([3, new ConnectionLostError(1006, 'down')]);
  });

  it('is given up after no attempt, whatever it took to connect before', async () => {
    let isHopeless = false;
    const { peer, received } = openSession({ reconnect: { initialInterval: 10, shouldRetry: () => !isHopeless } }, false);
    await wait(15);
    peer.setUp(true);
    await wait(1_000);
    peer.send(message('a'));
    isHopeless = true;
    peer.lose();
    expect(await received.ended).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP', attempts: 0 });
  });

  it('is not opened again when reconnect is false', async () => {
    const { peer, received } = openSession({ reconnect: false });
    peer.lose();
    expect(await received.ended).toEqual(new ConnectionLostError(1006, 'lost'));
  });

  it('calls onRetry for each attempt', async () => {
    const onRetry = jest.fn();
    openSession({ reconnect: { initialInterval: 10, jitter: 0, onRetry } }, false);
    await wait(10);
    expect(onRetry.mock.calls).toMatchObject([[{ attempt: 1, delay: 10 }], [{ attempt: 2, delay: 20 }]]);
  });

  it.each(['onRetry', 'shouldRetry', 'backoffDelay'])('is given up when %s throws, with that as the cause', async (callback) => {
    const boom = new Error('boom');
    const fail = (): never => {
      throw boom;
    };
    const { peer, received } = openSession({ reconnect: { [callback]: fail } });
    peer.lose();
    expect(await received.ended).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP', cause: boom });
  });

  it('loses the unsent messages of a peer that has forgotten this side', async () => {
    const { peer, errors } = openSession();
    peer.send(welcome(false));
    peer.lose();
    await wait(100);
    peer.send(welcome(true));
    expect(errors()).toEqual([]);
    peer.lose();
    await wait(100);
    peer.send(welcome(false));
    expect(errors()).toEqual([new SessionLostError()]);
  });

  it.each([
    [new ConnectionLostError(1006, ''), true],
    [new ConnectionLostError(4401, ''), false],
    [new OverflowError('things', 3), false],
    [new Error('of a link of your own'), true],
  ])('is worth an attempt or not after %s', (error, expected) => {
    expect(isTemporary(error)).toBe(expected);
  });
});

describe('envelopes', () => {
  it.each([
    { ackTimeout: 0 },
    { window: -1 },
    { maxQueued: NaN },
    { maxHeld: 0 },
    { dedupeTtl: 0 },
    { dedupeSize: 0 },
    { maxRetries: -1 },
    { drainTimeout: -1 },
    { reconnect: { initialInterval: -1 } },
    { reconnect: { jitter: 2 } },
  ])('refuses %j when called', (options) => {
    expect(() => envelopes(options)).toThrow(RangeError);
  });
});
