import { jest } from '@jest/globals';
import { config, firstValueFrom, from, throwError } from 'rxjs';
import {
  ConnectionLostError,
  DecodeError,
  EncodeError,
  FrameTooLargeError,
  InvalidMessageError,
  MessageDroppedError,
  ReconnectGivenUpError,
  WireClosedError,
} from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { cuttableLinks, message, wait, wirePair } from './wires.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';

const ids = (messages: readonly Message[]): string[] => messages.map(({ id }) => id);

describe('Wire', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  it('sends what it is given, and emits what its peer sends', async () => {
    const { wire, peer } = wirePair();
    const [here, there] = [record(wire), record(peer)];
    wire.next(message('a'));
    wire.next(message('b'));
    peer.next(message('x'));
    await wait();
    expect([ids(here.values), ids(there.values)]).toEqual([['x'], ['a', 'b']]);
  });

  it('fills in the source where it is empty', async () => {
    const { wire, peer } = wirePair();
    const there = record(peer);
    wire.next(message('a'));
    wire.next(message('b', { source: 'other' }));
    await wait();
    expect(there.values.map(({ source }) => source)).toEqual(['near', 'other']);
  });

  it('takes a stream: its end is the end of the wire', async () => {
    const { wire, peer } = wirePair();
    const there = record(peer);
    from([message('a'), message('b')]).subscribe(wire);
    await wait();
    expect(ids(there.values)).toEqual(['a', 'b']);
    expect(await there.ended).toBe('complete');
    expect(wire.state.status).toBe('disconnected');
  });

  describe('before the first subscriber', () => {
    it('keeps what comes for all subscribers of one moment', async () => {
      const { wire, peer } = wirePair();
      wire.next(message('a'));
      wire.next(message('b'));
      await wait(1_000);
      const [first, second] = [record(peer), record(peer)];
      await wait();
      const late = record(peer);
      wire.next(message('c'));
      await wait();
      expect([first, second, late].map(({ values }) => ids(values))).toEqual([['a', 'b', 'c'], ['a', 'b', 'c'], ['c']]);
    });

    it('acks nothing', async () => {
      const { wire, peer } = wirePair();
      const receipts = record(wire.receipts$);
      wire.next(message('a'));
      await wait(1_000);
      expect(receipts.values.map(({ status }) => status)).toEqual(['queued', 'sent']);
      record(peer);
      await wait();
      expect(receipts.values.at(-1)).toEqual({ id: 'a', status: 'acked', attempts: 1, latency: 1_000 });
    });

    it('counts a pipeline as a subscriber', async () => {
      const { wire, peer } = wirePair();
      wire.next(message('a'));
      await wait();
      const first = firstValueFrom(peer.pipe());
      await wait();
      expect(await first).toMatchObject({ id: 'a' });
    });
  });

  describe('complete', () => {
    it('sends what is still to be sent, then closes both sides', async () => {
      const { wire, peer } = wirePair();
      const [here, there] = [record(wire), record(peer)];
      wire.next(message('a'));
      wire.complete();
      peer.next(message('x'));
      await wait();
      expect([ids(here.values), ids(there.values)]).toEqual([['x'], ['a']]);
      expect([await here.ended, await there.ended]).toEqual(['complete', 'complete']);
    });

    it('refuses what is sent after it', async () => {
      const { wire } = wirePair();
      const [receipts, errors] = [record(wire.receipts$), record(wire.errors$)];
      wire.complete();
      wire.next(message('late'));
      const error = new WireClosedError('late');
      expect(receipts.values).toEqual([{ id: 'late', status: 'dead', error }]);
      expect(errors.values).toEqual([error]);
      await wait();
      expect(() => wire.next(message('later'))).not.toThrow();
      expect(errors.values).toHaveLength(1);
    });

    it('counts once', async () => {
      const { wire, peer } = wirePair();
      const there = record(peer);
      wire.complete();
      wire.complete();
      await wait();
      wire.complete();
      expect(await there.ended).toBe('complete');
    });
  });

  describe.each<[string, (wire: Wire) => void]>([
    ['error', (wire) => wire.error(new Error('boom'))],
    ['unsubscribe', (wire) => wire.unsubscribe()],
  ])('%s', (name, leave) => {
    it('lets go at once, and reports what was not done', async () => {
      const { wire, peer } = wirePair();
      const [here, there, errors, peerErrors] = [record(wire), record(peer), record(wire.errors$), record(peer.errors$)];
      await wait();
      wire.next(message('a'));
      leave(wire);
      expect(errors.values[0]).toEqual(new MessageDroppedError('a', 'closed'));
      expect(await errors.ended).toBe('complete');
      expect(wire.state.status).toBe(name === 'error' ? 'error' : 'disconnected');
      if (name === 'error') expect(await here.ended).toEqual(new Error('boom'));
      else expect(here.isOver()).toBe(false);
      await wait();
      expect(peer.state).toMatchObject({ status: 'reconnecting', error: { closeCode: 4000 } });
      expect(there.isOver()).toBe(false);
      peer.unsubscribe();
      await wait();
      expect([peerErrors.isOver(), jest.getTimerCount()]).toEqual([true, 0]);
    });
  });

  describe('errors$', () => {
    it('tells of a lost connection, and of each attempt to reconnect', async () => {
      const { wire, cut } = wirePair();
      const errors = record(wire.errors$);
      await wait();
      cut();
      await wait(100);
      expect(errors.values).toEqual([new ConnectionLostError(1006, 'cut')]);
      expect(wire.state.status).toBe('connected');
    });

    it('tells of what could not be encoded', async () => {
      const { wire, peer } = wirePair();
      const [errors, receipts, there] = [record(wire.errors$), record(wire.receipts$), record(peer)];
      wire.next(message('a'));
      wire.next(createMessage('test.any', 1n, { id: 'big' }));
      await wait();
      expect(errors.values).toEqual([expect.any(EncodeError)]);
      expect(receipts.values.filter(({ id }) => id === 'big').at(-1)).toEqual({ id: 'big', status: 'dead', error: errors.values[0] });
      expect(ids(there.values)).toEqual(['a']);
    });

    it('tells of what is too large', async () => {
      const { wire } = wirePair({ maxFrame: 200 });
      const errors = record(wire.errors$);
      wire.next(createMessage('test.any', 'x'.repeat(200), { id: 'a' }));
      await wait();
      expect(errors.values).toContainEqual(expect.any(FrameTooLargeError));
    });

    it('tells of a message that no peer would take, which does not leave', async () => {
      const { wire, peer } = wirePair();
      const [errors, receipts, there] = [record(wire.errors$), record(wire.receipts$), record(peer)];
      wire.next({ ...message('bad'), type: 'no\nname' });
      wire.next({ ...message('worse'), headers: { 'no\nname': '' } });
      wire.next(message('a'));
      await wait();
      expect(errors.values.map((error) => error.message)).toEqual([
        expect.stringContaining('type must be'),
        expect.stringContaining('headers must'),
      ]);
      expect(receipts.values.filter(({ error }) => error)).toEqual([
        { id: 'bad', status: 'dead', error: errors.values[0] },
        { id: 'worse', status: 'dead', error: errors.values[1] },
      ]);
      expect(ids(there.values)).toEqual(['a']);
    });

    it('tells of a frame that could not be decoded', async () => {
      const { near, far } = cuttableLinks();
      const errors = record(connect({ link: near, protocol: envelopeProtocol }).errors$);
      far(from(['bad', '{}'])).subscribe();
      await wait();
      expect(errors.values).toEqual([expect.any(DecodeError), expect.any(InvalidMessageError)]);
    });

    it('tells of what was dropped from a full queue, and of what expired there', async () => {
      const wire = connect({ link: () => throwError(() => new ConnectionLostError(1006, '')), maxQueued: 1, drainTimeout: 0 });
      const errors = record(wire.errors$);
      wire.next(message('a'));
      wire.next(message('b'));
      wire.complete();
      await wait();
      expect(errors.values).toEqual([new MessageDroppedError('a', 'overflow'), new MessageDroppedError('b', 'closed')]);
    });

    it('tells of the failure that ends the wire, last', async () => {
      const { near, cut } = cuttableLinks();
      const wire = connect({ link: near, protocol: envelopeProtocol, reconnect: { initialInterval: 100, jitter: 0, maxRetries: 0 } });
      const [here, errors] = [record(wire), record(wire.errors$)];
      wire.next(message('a'));
      await wait();
      cut();
      const error = new ReconnectGivenUpError(0, new ConnectionLostError(1006, 'cut'));
      expect(await here.ended).toEqual(error);
      const dropped = new MessageDroppedError('a', 'closed');
      dropped.explain(error);
      expect(errors.values).toEqual([dropped, error]);
      expect(await errors.ended).toBe('complete');
      expect(wire.state).toMatchObject({ status: 'error', error, metrics: { errors: 2 } });
      expect(await record(wire).ended).toEqual(error);
    });

    it('wraps what is no error of rxwire', async () => {
      const boom = new Error('boom');
      const wire = connect({ link: () => throwError(() => boom), reconnect: { initialInterval: 100 } });
      const errors = record(wire.errors$);
      await wait(100);
      expect(errors.values[0]).toEqual(new ConnectionLostError(1006, 'Error: boom'));
      expect(errors.values[0]?.cause).toBe(boom);
      wire.unsubscribe();
    });
  });

  it('fails at once when its link does, and tells each subscriber', async () => {
    const unhandled = jest.fn();
    config.onUnhandledError = unhandled;
    const error = new ConnectionLostError(4409, 'who are you?');
    const wire = connect({ link: () => throwError(() => error) });
    expect(wire.state).toMatchObject({ status: 'error', error });
    expect(await record(wire).ended).toBe(error);
    await wait(1);
    config.onUnhandledError = null;
    expect([jest.getTimerCount(), unhandled.mock.calls]).toEqual([0, []]);
  });

  describe('a subscriber', () => {
    afterEach(() => {
      config.onUnhandledError = null;
    });

    it('that throws hurts no other, nor the wire', async () => {
      const unhandled = jest.fn();
      config.onUnhandledError = unhandled;
      const { wire, peer } = wirePair();
      const boom = new Error('boom');
      peer.subscribe(() => {
        throw boom;
      });
      const [there, receipts] = [record(peer), record(wire.receipts$)];
      wire.next(message('a'));
      wire.next(message('b'));
      await wait(1);
      expect(ids(there.values)).toEqual(['a', 'b']);
      expect(receipts.values.filter(({ status }) => status === 'acked')).toHaveLength(2);
      expect(unhandled.mock.calls).toEqual([[boom], [boom]]);
    });

    it('without an error handler gets what RxJS does: an unhandled error', async () => {
      const unhandled = jest.fn();
      config.onUnhandledError = unhandled;
      const { wire } = wirePair();
      wire.subscribe();
      wire.subscribe({ error: () => undefined });
      const boom = new Error('boom');
      wire.error(boom);
      await wait(1);
      expect(unhandled.mock.calls).toEqual([[boom]]);
    });

    it('that nobody is gets no error: the wire reports it, once', async () => {
      const unhandled = jest.fn();
      config.onUnhandledError = unhandled;
      const { wire } = wirePair();
      const boom = new Error('boom');
      wire.error(boom);
      await wait(1);
      expect(unhandled.mock.calls).toEqual([[boom]]);
    });

    it('may end the wire while it gets a message', async () => {
      const { wire, peer } = wirePair();
      const seen: string[] = [];
      peer.subscribe(({ id }) => {
        seen.push(id);
        peer.unsubscribe();
      });
      wire.next(message('a'));
      wire.next(message('b'));
      await wait();
      expect(seen).toEqual(['a']);
      wire.unsubscribe();
    });

    it('may end the wire when it hears that it is connected', async () => {
      const { near, far } = cuttableLinks();
      const wire = connect({ link: near, protocol: envelopeProtocol });
      wire.state$.subscribe(({ status }) => {
        if (status === 'connected') wire.unsubscribe();
      });
      const there = record(far(from([])));
      await wait();
      expect(wire.state.status).toBe('disconnected');
      expect(there.isOver()).toBe(true);
      expect(jest.getTimerCount()).toBe(0);
    });
  });
});
