import { of, throwError, VirtualTimeScheduler } from 'rxjs';
import { replayDeadLetters } from '../../lib/operators/deadLetters/replayDeadLetters.js';
import { memoryDeadLetters } from '../../lib/stores/memoryDeadLetters.js';
import { queue } from '../../lib/operators/queue/queue.js';
import { createRouter, route, type RouteOptions } from '../../lib/operators/routing/route.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { deliveryLevelOf } from '../../lib/message/deliveryLevelOf.js';
import type { Message, MessageMetadata } from '../../lib/message/types.js';
import { consume, type ConsumeOptions } from '../../lib/operators/consume/consume.js';
import type { DeadLetter } from '../../lib/stores/deadLetterStore.js';
import { record } from '../support/record.js';
import { socketPair } from '../support/socketPair.js';

const order = (metadata?: MessageMetadata): Message => createMessage<string, unknown>('order.placed', 'tea', metadata ? { metadata } : {});

/** Consumes a message whose handler always fails. */
function consumeFailing(message: Message, options: ConsumeOptions<Message, unknown, unknown> = {}) {
  const scheduler = new VirtualTimeScheduler();
  const letters: DeadLetter[] = [];
  let calls = 0;
  const handler = () => {
    calls++;
    return throwError(() => new Error('no tea'));
  };
  of(message)
    .pipe(consume(handler, { scheduler, deadLetter: (letter) => void letters.push(letter), ...options }))
    .subscribe();
  scheduler.flush();
  return { calls, letters };
}

describe('metadata that did nothing', () => {
  describe('persistent', () => {
    it('makes a message of an at-most-once wire at-least-once: its receipt is acked', async () => {
      const { wire, served, close } = await socketPair(() => undefined, { delivery: 'at-most-once' });
      served.subscribe();
      const receipts = record(wire.receipts$);
      wire.next(createMessage('order.placed', 'tea', { id: 'kept', metadata: { persistent: true } }));
      wire.next(createMessage('order.placed', 'tea', { id: 'sent once' }));
      await receipts.take(5);
      const statuses = (of: string) => receipts.values.filter(({ id }) => id === of).map(({ status }) => status);
      expect(statuses('kept')).toEqual(['queued', 'sent', 'acked']);
      expect(statuses('sent once')).toEqual(['queued', 'sent']);
      await close();
    });

    it('never lowers a guarantee; the delivery of the message takes precedence', () => {
      const persistent = order({ persistent: true });
      expect(deliveryLevelOf(persistent, 'at-most-once')).toBe('at-least-once');
      expect(deliveryLevelOf(persistent, 'exactly-once')).toBe('exactly-once');
      expect(deliveryLevelOf({ ...persistent, delivery: 'at-most-once' }, 'exactly-once')).toBe('at-most-once');
      expect(deliveryLevelOf(order({ persistent: false }), 'at-most-once')).toBe('at-most-once');
    });
  });

  describe('maxRetries and retryCount', () => {
    it('consume retries a message as often as its maxRetries says, in place of the option', () => {
      expect(consumeFailing(order()).calls).toBe(4);
      expect(consumeFailing(order({ maxRetries: 5 })).calls).toBe(6);
      expect(consumeFailing(order({ maxRetries: 0 })).calls).toBe(1);
      expect(consumeFailing(order({ maxRetries: 5 }), { retry: { maxRetries: 1 } }).calls).toBe(6);
    });

    it('counts the earlier retries of a message', () => {
      expect(consumeFailing(order({ maxRetries: 5, retryCount: 3 })).calls).toBe(3);
      expect(consumeFailing(order({ maxRetries: 5, retryCount: 9 })).calls).toBe(1);
    });

    it('does not let a sender make a receiver retry without end, nor at all with retry: false', () => {
      expect(consumeFailing(order({ maxRetries: 1e9 }), { retry: { backoffDelay: () => 1 } }).calls).toBe(101);
      expect(consumeFailing(order({ maxRetries: 5 }), { retry: false }).calls).toBe(1);
    });

    it('increases the count in the dead letter, and does not change the message', () => {
      const message = order({ maxRetries: 2, retryCount: 1, tenant: 'eu' });
      const { letters } = consumeFailing(message);
      expect(letters.map((letter) => letter.message.metadata)).toEqual([{ maxRetries: 2, retryCount: 2, tenant: 'eu' }]);
      expect(message.metadata?.retryCount).toBe(1);
      expect(consumeFailing(order()).letters[0]?.message.metadata).toEqual({ retryCount: 3 });
      expect(consumeFailing(order(), { retry: false }).letters[0]?.message.metadata).toBeUndefined();
    });

    it('continues the count in a replay', () => {
      const letters = memoryDeadLetters();
      letters.add(consumeFailing(order({ maxRetries: 2 })).letters[0]!);
      const replayed: Message[] = [];
      replayDeadLetters(letters, (message) => void replayed.push(message)).subscribe();
      expect(replayed[0]?.metadata).toEqual({ maxRetries: 2, retryCount: 2 });
      expect(consumeFailing(replayed[0]!).letters[0]?.history).toHaveLength(4);
    });

    it('holds for routes and queues, too', () => {
      const scheduler = new VirtualTimeScheduler();
      const calls: string[] = [];
      const failing = (by: string) => () => {
        calls.push(by);
        return throwError(() => new Error('no tea'));
      };
      of(order({ maxRetries: 1 }))
        .pipe(route({ '*': failing('route') }, { scheduler, onError: () => undefined }))
        .subscribe();
      const orders = queue('orders', { scheduler });
      orders.process(failing('queue'), { onError: () => undefined }).subscribe();
      orders.next(order({ maxRetries: 1 }));
      scheduler.maxFrames = 10_000;
      scheduler.flush();
      expect(calls.sort()).toEqual(['queue', 'queue', 'route', 'route']);
    });
  });

  describe('routingKey', () => {
    const keyed = (routingKey?: string) => order(routingKey === undefined ? undefined : { routingKey });

    it('route matches it by an option, and the type where a message has none', () => {
      const handled: string[] = [];
      const by = (name: string) => () => void handled.push(name);
      const unhandled: Message[] = [];
      of(keyed('eu.west.1'), keyed('us.east'), keyed(), keyed('asia'))
        .pipe(
          route(
            { 'eu.*': by('europe'), 'us.east': by('us'), 'order.placed': by('by type') },
            { by: 'routingKey', onUnhandled: (message) => void unhandled.push(message) },
          ),
        )
        .subscribe();
      expect(handled).toEqual(['europe', 'us', 'by type']);
      expect(unhandled.map(({ metadata }) => metadata?.routingKey)).toEqual(['asia']);
    });

    it('createRouter does, too', () => {
      const router = createRouter({ by: 'routingKey' });
      const handled: unknown[] = [];
      router.add('eu.*', ({ payload }) => void handled.push(payload));
      of(keyed('eu.west')).pipe(router.route).subscribe();
      expect(handled).toEqual(['tea']);
    });

    it('does nothing by default', () => {
      const handled: string[] = [];
      of(keyed('eu.west'))
        .pipe(route({ 'eu.*': () => void handled.push('key'), 'order.*': () => void handled.push('type') }))
        .subscribe();
      expect(handled).toEqual(['type']);
    });

    it('refuses another option at call time', () => {
      expect(() => route({}, { by: 'key' } as unknown as RouteOptions)).toThrow(
        new RangeError('route: "by" must be "type" or "routingKey", got "key"'),
      );
    });
  });
});
