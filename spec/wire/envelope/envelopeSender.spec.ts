import { jest } from '@jest/globals';
import { Subject } from 'rxjs';
import { AckTimeoutError, EncodeError, MessageDroppedError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { MessagePriority } from '../../../lib/message/messagePriority.js';
import type { Receipt } from '../../../lib/message/receipt.js';
import type { Message } from '../../../lib/message/types.js';
import { record } from '../../support/record.js';
import { ack, message, openSession, wait } from './envelopeSession.js';

describe('envelopes: sent messages', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  it('goes out at the end of the microtask, in one batch', async () => {
    const { peer, send } = openSession();
    send('a', 'b');
    expect(peer.got()).toEqual([]);
    await wait();
    expect(peer.got()).toEqual(['a b']);
    send('c');
    await wait();
    expect(peer.got()).toEqual(['c']);
  });

  it('goes out in batches of 256 at most', async () => {
    const { peer, send } = openSession();
    send(...Array.from({ length: 600 }, (_, index) => String(index)));
    await wait();
    expect(peer.got().map((batch) => batch.split(' ').length)).toEqual([256, 256, 88]);
  });

  it('has a receipt for each step', async () => {
    const { peer, send, events, receipts } = openSession();
    send('a');
    await wait(20);
    peer.send(ack('a'));
    expect(receipts()).toEqual(['a queued', 'a sent', 'a acked']);
    expect(events.at(-1)).toEqual({ kind: 'receipt', receipt: { id: 'a', status: 'acked', attempts: 1, latency: 20 } });
  });

  it('waits for a connection', async () => {
    const { peer, send, receipts } = openSession({}, false);
    send('a', 'b');
    await wait(50);
    expect(receipts()).toEqual(['a queued', 'b queued']);
    peer.setUp(true);
    await wait(50);
    expect(peer.got()).toEqual(['a b']);
  });

  it('waits while the window is full', async () => {
    const { peer, send } = openSession({ window: 2 });
    send('a', 'b', 'c', 'd');
    await wait();
    expect(peer.got()).toEqual(['a b']);
    peer.send(ack('b'), ack('a'));
    await wait();
    expect(peer.got()).toEqual(['c d']);
  });

  describe('without an ack', () => {
    it('goes out again after 5 s, waiting twice as long each time', async () => {
      const { peer, send } = openSession();
      send('a');
      await wait();
      expect(peer.got()).toEqual(['a']);
      for (const pause of [5_000, 10_000, 20_000]) {
        await wait(pause - 1);
        expect(peer.got()).toEqual([]);
        await wait(1);
        expect(peer.got()).toEqual(['a']);
      }
    });

    it('is dead after maxRetries, and no other message with it', async () => {
      const { peer, send, receipts, errors } = openSession({ ackTimeout: 10, maxRetries: 2 });
      send('a');
      await wait(65);
      send('b');
      await wait(5);
      expect(peer.got()).toEqual(['a', 'a', 'a', 'b']);
      expect(errors()).toEqual([new AckTimeoutError('a', 3, 10)]);
      peer.send(ack('b'));
      expect(receipts()).toEqual(['a queued', 'a sent', 'b queued', 'b sent', 'a dead', 'b acked']);
    });

    it('makes room in the window when it is dead', async () => {
      const { peer, send } = openSession({ window: 1, ackTimeout: 10, maxRetries: 0 });
      send('a', 'b');
      await wait(10);
      expect(peer.got()).toEqual(['a', 'b']);
    });
  });

  describe('when the link is lost', () => {
    it('is sent again in order, before waiting messages', async () => {
      const { peer, send, receipts } = openSession({ window: 3 });
      send('a', 'b', 'c', 'd');
      await wait();
      peer.send(ack('b'));
      await wait();
      expect(peer.got()).toEqual(['a b c', 'd']);
      peer.lose();
      send('e');
      await wait(100);
      peer.send(ack('a'), ack('c'), ack('d'));
      await wait();
      expect(peer.got()).toEqual(['a c d', 'e']);
      peer.send(ack('e'));
      expect(receipts().filter((receipt) => receipt.endsWith('sent'))).toEqual(['a sent', 'b sent', 'c sent', 'd sent', 'e sent']);
      expect(receipts().filter((receipt) => receipt.endsWith('acked'))).toHaveLength(5);
    });

    it('has all its attempts again, and no time runs meanwhile', async () => {
      const { peer, send, errors } = openSession({ ackTimeout: 10, maxRetries: 1 });
      send('a');
      await wait(15);
      expect(peer.got()).toEqual(['a', 'a']);
      peer.setUp(false);
      peer.lose();
      await wait(60_000);
      expect(errors()).toEqual([]);
      peer.setUp(true);
      await wait(115);
      expect(peer.got()).toEqual(['a', 'a']);
      peer.send(ack('a'));
      await wait(60_000);
      expect(errors()).toEqual([]);
    });

    it('is counted and timed anew', async () => {
      const { peer, send, events } = openSession({ ackTimeout: 10 });
      send('a');
      await wait(15);
      peer.lose();
      await wait(100 + 7);
      peer.send(ack('a'));
      expect(events.at(-1)).toEqual({ kind: 'receipt', receipt: { id: 'a', status: 'acked', attempts: 1, latency: 7 } });
    });

    it('is not resent when it was only about to be', async () => {
      const { peer, send } = openSession();
      send('a');
      peer.lose();
      await wait(100);
      expect(peer.got()).toEqual(['a']);
    });
  });

  describe('while it waits', () => {
    it('goes by priority, and in order within one', async () => {
      const { peer, outgoing } = openSession({}, false);
      const { LOW, HIGH, CRITICAL } = MessagePriority;
      outgoing.next(message('low', { priority: LOW }));
      outgoing.next(message('normal 1'));
      outgoing.next(message('high', { priority: HIGH }));
      outgoing.next(message('normal 2'));
      outgoing.next(message('critical', { priority: CRITICAL }));
      peer.setUp(true);
      await wait(100);
      expect(peer.got()).toEqual(['critical high normal 1 normal 2 low']);
    });

    it('is dropped when its ttl has passed', async () => {
      const { peer, outgoing, receipts, errors } = openSession({}, false);
      outgoing.next(message('brief', { ttl: 99 }));
      outgoing.next(message('lasting', { ttl: 1_000 }));
      peer.setUp(true);
      await wait(100);
      expect(peer.got()).toEqual(['lasting']);
      expect(receipts()).toEqual(['brief queued', 'lasting queued', 'brief expired', 'lasting sent']);
      expect(errors()).toEqual([new MessageDroppedError('brief', 'expired')]);
    });

    it('is dropped before more urgent messages', async () => {
      const { peer, outgoing, errors } = openSession({ maxQueued: 2 }, false);
      const { LOW, HIGH } = MessagePriority;
      outgoing.next(message('high', { priority: HIGH }));
      outgoing.next(message('normal'));
      outgoing.next(message('low', { priority: LOW }));
      outgoing.next(message('high too', { priority: HIGH }));
      expect(errors()).toEqual([new MessageDroppedError('low', 'overflow'), new MessageDroppedError('normal', 'overflow')]);
      peer.setUp(true);
      await wait(100);
      expect(peer.got()).toEqual(['high high too']);
    });

    it('is dropped when it has waited longest and more than maxQueued wait', async () => {
      const { peer, send, receipts, errors } = openSession({ maxQueued: 2 }, false);
      send('a', 'b', 'c');
      expect(receipts()).toEqual(['a queued', 'b queued', 'c queued', 'a dead']);
      expect(errors()).toEqual([new MessageDroppedError('a', 'overflow')]);
      peer.setUp(true);
      await wait(100);
      expect(peer.got()).toEqual(['b c']);
    });
  });

  it('keeps its ttl once it is in flight: it may have arrived', async () => {
    const { peer, outgoing, errors } = openSession();
    outgoing.next(message('brief', { ttl: 50 }));
    await wait(60);
    peer.lose();
    await wait(100);
    expect(peer.got()).toEqual(['brief', 'brief']);
    expect(errors()).toEqual([]);
  });

  it('is the same message as one of its id that is not done', async () => {
    const { peer, send, receipts } = openSession();
    send('a', 'a');
    await wait();
    send('a');
    await wait();
    expect(peer.got()).toEqual(['a']);
    peer.send(ack('a'));
    expect(receipts()).toEqual(['a queued', 'a sent', 'a acked']);
    send('a');
    await wait();
    expect(peer.got()).toEqual(['a']);
  });

  it('ignores acks of unknown messages, and a second ack', async () => {
    const { peer, send, receipts } = openSession();
    send('a');
    await wait();
    peer.send(ack('z'), createMessage('ack', null), ack('a'), ack('a'));
    await wait(60_000);
    expect(receipts()).toEqual(['a queued', 'a sent', 'a acked']);
    expect(peer.got()).toEqual(['a']);
  });

  it('is dead at once when the layer below cannot encode it, and others take its place', async () => {
    const unsendable$ = new Subject<Receipt>();
    const error = new EncodeError('json', 'bigint');
    const { peer, send, receipts, errors } = openSession({ window: 1, unsendable$ });
    send('a', 'b');
    unsendable$.next({ id: 'a', status: 'dead', error });
    await wait();
    expect(receipts()).toEqual(['a queued', 'a sent', 'b queued', 'a dead', 'b sent']);
    expect(errors()).toEqual([error]);
    peer.send(ack('b'));
    expect(receipts().at(-1)).toBe('b acked');
  });

  it.each(['queued', 'sent'])('keeps the order when more is sent in answer to "%s"', async (status) => {
    const { peer, outgoing } = openSession({
      window: 10,
      report: (event) => {
        if (event.kind !== 'receipt' || event.receipt.status !== status || event.receipt.id.length > 1) return;
        outgoing.next(message(`${event.receipt.id}+`));
      },
    });
    outgoing.next(message('a'));
    outgoing.next(message('b'));
    await wait();
    expect(peer.got()).toEqual(['a a+ b b+']);
  });

  describe('at most once', () => {
    const delivery = 'at-most-once';

    it('is done when it is sent', async () => {
      const { peer, send, receipts } = openSession({ delivery });
      send('a');
      await wait(60_000);
      peer.lose();
      await wait(100);
      expect(peer.got()).toEqual(['a']);
      expect(receipts()).toEqual(['a queued', 'a sent']);
    });

    it('waits for a connection too', async () => {
      const { peer, send } = openSession({ delivery }, false);
      send('a', 'b');
      peer.setUp(true);
      await wait(100);
      expect(peer.got()).toEqual(['a b']);
    });

    it('is dead when the layer below cannot encode it', async () => {
      const unsendable$ = new Subject<Receipt>();
      const error = new EncodeError('json', 'bigint');
      const { send, receipts, errors } = openSession({ delivery, unsendable$ });
      send('a');
      unsendable$.next({ id: 'a', status: 'dead', error });
      await wait();
      expect(receipts()).toEqual(['a queued', 'a sent', 'a dead']);
      expect(errors()).toEqual([error]);
    });
  });

  it('greets first, and alone, on each connection', async () => {
    const greeting = jest.fn(() => createMessage('system.hello', { session: 's', resume: false, delivery: 'at-least-once' }));
    const { peer, send } = openSession({ firstMessage: greeting });
    send('a');
    await wait();
    peer.lose();
    await wait(100);
    expect(peer.got()).toEqual(['system.hello', 'a', 'system.hello', 'a']);
    expect(greeting).toHaveBeenCalledTimes(2);
  });

  it('shares no state between subscriptions', async () => {
    const { peer, layer } = openSession();
    const outgoing = new Subject<Message>();
    const [first, second] = [layer(peer.link)(outgoing), layer(peer.link)(outgoing)].map(record);
    outgoing.next(message('a'));
    await wait();
    expect(peer.got()).toEqual(['a', 'a']);
    first!.subscription.unsubscribe();
    outgoing.next(message('b'));
    await wait();
    expect(peer.got()).toEqual(['b']);
    second!.subscription.unsubscribe();
  });
});
