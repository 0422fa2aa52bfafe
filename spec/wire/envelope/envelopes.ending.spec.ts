import { jest } from '@jest/globals';
import { DrainTimeoutError, MessageDroppedError, UndeliveredError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { ack, message, openSession, wait } from './envelopeSession.js';

describe('envelopes: the end', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('waits until all is acked, then says goodbye', async () => {
    const { peer, outgoing, send, received } = openSession({ window: 1 });
    send('a', 'b');
    outgoing.complete();
    await wait();
    peer.send(ack('a'));
    await wait(1_000);
    expect(peer.got()).toEqual(['a', 'b']);
    expect([received.isOver(), peer.hasGoodbye()]).toEqual([false, false]);
    peer.send(ack('b'));
    expect([received.isOver(), peer.hasGoodbye()]).toEqual([true, true]);
    expect(await received.ended).toBe('complete');
  });

  it('emits and acks messages that arrive while it drains', async () => {
    const { peer, outgoing, send, ids } = openSession();
    send('a');
    outgoing.complete();
    await wait();
    peer.send(message('x'));
    peer.send(ack('a'));
    expect(ids()).toEqual(['x']);
    expect(peer.got()).toEqual(['a', 'ack:x']);
    expect(peer.hasGoodbye()).toBe(true);
  });

  it('reconnects for unacked messages', async () => {
    const { peer, outgoing, send, received } = openSession();
    send('a');
    outgoing.complete();
    peer.lose();
    await wait(100);
    expect(peer.got()).toEqual(['a']);
    peer.send(ack('a'));
    expect(await received.ended).toBe('complete');
  });

  it('waits for drainTimeout at most, then fails with the messages that it drops', async () => {
    const { peer, outgoing, send, received, receipts, errors } = openSession({ window: 1, drainTimeout: 2_000 });
    send('a', 'b');
    outgoing.complete();
    await wait(1_999);
    expect(peer.hasGoodbye()).toBe(false);
    await wait(1);
    expect(peer.hasGoodbye()).toBe(true);
    expect(await received.ended).toEqual(new DrainTimeoutError({ count: 2, ids: ['a', 'b'], kept: 0 }, 2_000));
    expect(receipts().slice(-2)).toEqual(['a dead', 'b dead']);
    expect(errors()).toEqual([new MessageDroppedError('a', 'closed'), new MessageDroppedError('b', 'closed')]);
  });

  it.each([Infinity, 2 ** 31])('can be delayed for ever: %d ms', async (drainTimeout) => {
    const { peer, outgoing, send, received } = openSession({ drainTimeout, ackTimeout: 1_000_000 });
    send('a');
    outgoing.complete();
    await wait(900_000);
    expect(received.isOver()).toBe(false);
    peer.send(ack('a'));
    expect(await received.ended).toBe('complete');
  });

  it('waits 5 s for the other side to say goodbye', async () => {
    const { peer, outgoing, received } = openSession();
    peer.ignoreGoodbye();
    outgoing.complete();
    expect(peer.hasGoodbye()).toBe(true);
    await wait(4_999);
    expect(received.isOver()).toBe(false);
    await wait(1);
    expect(await received.ended).toBe('complete');
  });

  it('ends at once without a connection when nothing waits', async () => {
    const { outgoing, received } = openSession({}, false);
    outgoing.complete();
    await wait();
    expect(await received.ended).toBe('complete');
  });

  it('waits for a connection when something does', async () => {
    const { peer, outgoing, send, received } = openSession({}, false);
    send('a');
    outgoing.complete();
    await wait(150);
    expect(received.isOver()).toBe(false);
    peer.setUp(true);
    await wait(50);
    peer.send(ack('a'));
    expect(await received.ended).toBe('complete');
  });

  it('connects again for its goodbye when the link is lost before the other side has agreed', async () => {
    const greeting = () => createMessage('system.hello', { session: 's', resume: true, delivery: 'at-least-once' });
    const { peer, outgoing, received } = openSession({ firstMessage: greeting });
    peer.ignoreGoodbye();
    outgoing.complete();
    peer.lose();
    expect(peer.got()).toEqual(['system.hello']);
    await wait(99);
    expect(received.isOver()).toBe(false);
    await wait(1);
    // Whose goodbye it is, the peer knows by the greeting.
    expect([peer.connections(), peer.got()]).toEqual([2, ['system.hello']]);
    await wait(5_000);
    expect(await received.ended).toBe('complete');
  });

  it('ends when the peer closes: with an error if messages were not acked', async () => {
    const { peer, outgoing, send, received, errors } = openSession();
    send('a');
    peer.leave();
    expect(await received.ended).toEqual(new UndeliveredError({ count: 1, ids: ['a'], kept: 0 }));
    expect(outgoing.observed).toBe(false);
    expect(errors()).toEqual([new MessageDroppedError('a', 'closed')]);
  });

  it('ends when it is unsubscribed: the link is closed, and unfinished messages are reported', async () => {
    const { peer, outgoing, send, received, errors } = openSession();
    send('a');
    await wait();
    received.subscription.unsubscribe();
    expect([outgoing.observed, peer.isLeft()]).toEqual([false, true]);
    expect(errors()).toEqual([new MessageDroppedError('a', 'closed')]);
  });

  it('waits for a connection at most once too', async () => {
    const { peer, outgoing, send, received, receipts } = openSession({ delivery: 'at-most-once' }, false);
    send('a', 'b');
    outgoing.complete();
    peer.setUp(true);
    await wait(100);
    expect(peer.got()).toEqual(['a b']);
    expect(await received.ended).toBe('complete');
    expect(receipts()).toEqual(['a queued', 'b queued', 'a sent', 'b sent']);
  });

  it('needs no ack at most once', async () => {
    const { peer, outgoing, send, received } = openSession({ delivery: 'at-most-once' });
    send('a');
    outgoing.complete();
    expect(await received.ended).toBe('complete');
    expect(peer.got()).toEqual(['a']);
  });
});
