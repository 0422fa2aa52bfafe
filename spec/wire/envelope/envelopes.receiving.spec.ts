import { jest } from '@jest/globals';
import { NEVER, Subject } from 'rxjs';
import { OverflowError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { ack, message, openSession, wait } from './envelopeSession.js';

describe('envelopes: received messages', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  it('is emitted in order, and acked in one batch', async () => {
    const { peer, ids } = openSession();
    peer.send(message('a'), message('b'));
    peer.send(message('c'));
    expect(ids()).toEqual(['a', 'b', 'c']);
    await wait();
    expect(peer.got()).toEqual(['ack:a ack:b ack:c']);
  });

  it('is emitted once, and acked each time', async () => {
    const { peer, ids } = openSession();
    peer.send(message('a'), message('a'));
    await wait();
    peer.lose();
    await wait(100);
    peer.send(message('a'), message('b'));
    await wait();
    expect(ids()).toEqual(['a', 'b']);
    expect(peer.got()).toEqual(['ack:a ack:a', 'ack:a ack:b']);
  });

  it('is forgotten after dedupeTtl, and past dedupeSize', async () => {
    const { peer, ids } = openSession({ dedupeTtl: 1_000, dedupeSize: 2 });
    peer.send(message('a'));
    await wait(999);
    peer.send(message('a'));
    expect(ids()).toEqual(['a']);
    await wait(1);
    peer.send(message('a'), message('b'), message('c'), message('b'), message('a'));
    expect(ids()).toEqual(['a', 'a', 'b', 'c', 'a']);
  });

  it('is not acked before it was emitted, for any number of messages at once', async () => {
    const { peer, received } = openSession();
    const seen: number[] = [];
    peer.onGot(() => seen.push(received.values.length));
    peer.send(...Array.from({ length: 600 }, (_, index) => message(String(index))));
    await wait();
    expect(peer.got().map((batch) => batch.split(' ').length)).toEqual([256, 256, 88]);
    expect(seen).toEqual([600, 600, 600]);
  });

  it('is not acked when the subscriber has left before its turn', async () => {
    const { peer, layer } = openSession();
    const seen: string[] = [];
    const subscription = layer(peer.link)(NEVER).subscribe(({ id }) => {
      seen.push(id);
      subscription.unsubscribe();
    });
    peer.send(...Array.from({ length: 600 }, (_, index) => message(String(index))));
    await wait();
    expect(seen).toEqual(['0']);
    expect(peer.got()).toEqual([]);
  });

  it('neither emits nor acks messages of the protocol', async () => {
    const { peer, ids } = openSession();
    peer.send(
      ack('z'),
      createMessage('system.welcome', { resumed: false }),
      createMessage('system.hello', { session: 's', resume: true, delivery: 'at-least-once' }),
      message('a'),
    );
    expect(ids()).toEqual(['a']);
    await wait();
    expect(peer.got()).toEqual(['ack:a']);
  });

  describe('before somebody listens', () => {
    it('is held, and not acked', async () => {
      const subscribed$ = new Subject<boolean>();
      const { peer, ids } = openSession({ whenSubscribed: (callback) => void subscribed$.subscribe(callback) });
      peer.send(message('a'), message('b'));
      await wait(60_000);
      expect([ids(), peer.got()]).toEqual([[], []]);
      subscribed$.next(true);
      expect(ids()).toEqual(['a', 'b']);
      peer.send(message('c'));
      await wait();
      expect(ids()).toEqual(['a', 'b', 'c']);
      expect(peer.got()).toEqual(['ack:a ack:b ack:c']);
    });

    it('is held once, even if it is repeated over another connection', async () => {
      const subscribed$ = new Subject<boolean>();
      const { peer, ids, errors } = openSession({ whenSubscribed: (callback) => void subscribed$.subscribe(callback), maxHeld: 2 });
      peer.send(message('a'), message('b'));
      peer.lose();
      await wait(100);
      peer.send(message('a'), message('b'));
      subscribed$.next(true);
      await wait();
      expect(ids()).toEqual(['a', 'b']);
      expect(peer.got()).toEqual(['ack:a ack:b']);
      expect(errors()).toEqual([]);
    });

    it('is refused without an ack above maxHeld, so that it is sent again', async () => {
      const subscribed$ = new Subject<boolean>();
      const { peer, ids, errors } = openSession({ whenSubscribed: (callback) => void subscribed$.subscribe(callback), maxHeld: 1 });
      peer.send(message('a'), message('b'));
      expect(errors()).toEqual([new OverflowError('messages before the first subscriber', 1)]);
      subscribed$.next(true);
      await wait();
      expect(peer.got()).toEqual(['ack:a']);
      peer.send(message('b'));
      expect(ids()).toEqual(['a', 'b']);
    });
  });

  it('is emitted once, but not acked, at most once', async () => {
    const { peer, ids } = openSession({ delivery: 'at-most-once' });
    peer.send(message('a'), message('a'), message('b'));
    await wait();
    expect(ids()).toEqual(['a', 'b']);
    expect(peer.got()).toEqual([]);
  });
});
