import { lastValueFrom, NEVER, of, Subject, throwError, toArray } from 'rxjs';
import { sendAll, sendThrough } from '../../../lib/operators/sending/sendAll.js';
import type { MessageSource } from '../../../lib/operators/sending/sendOptions.js';
import { InvalidMessageError, MessageDroppedError, UnauthorizedError, WireClosedError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Receipt } from '../../../lib/message/receipt.js';
import type { Message } from '../../../lib/message/types.js';
import { operatorContract } from '../../support/operatorContract.js';
import { record } from '../../support/record.js';

const message = (id: string): Message => createMessage('test.any', null, { id, timestamp: 0 });

/** A wire of which the test says what becomes of messages. */
function fakeWire(onSent: (id: string) => void = () => undefined) {
  const receipts$ = new Subject<Receipt>();
  const sent: string[] = [];
  const state: { status: string; error?: unknown } = { status: 'connected' };
  const next = ({ id }: Message): void => {
    sent.push(id);
    onSent(id);
  };
  const ack = (...ids: string[]): void => ids.forEach((id) => receipts$.next({ id, status: 'acked' }));
  const drop = (id: string, reason: 'closed' | 'overflow'): void =>
    receipts$.next({ id, status: 'dead', error: new MessageDroppedError(id, reason) });
  return { wire: { next, receipts$, isPending: () => true, state }, sent, state, receipts$, ack, drop };
}

/** A wire that acks each message at once. */
function quickWire() {
  const { wire, ack } = fakeWire((id) => ack(id));
  return wire;
}

describe('sendThrough', () => {
  operatorContract(() => sendThrough(quickWire()), { value: (index) => message(`m${index}`) });
});

describe('sendAll', () => {
  it('sends nothing before it is subscribed to, and the source anew for each subscription', async () => {
    const { wire, sent, ack } = fakeWire((id) => ack(id));
    const sending = sendAll(wire, [message('a'), message('b')]);
    expect(sent).toEqual([]);
    await lastValueFrom(sending);
    await lastValueFrom(sending);
    expect(sent).toEqual(['a', 'b', 'a', 'b']);
  });

  it('ignores the receipts of other messages, and the receipts that are not the last', () => {
    const { wire, receipts$, ack } = fakeWire();
    const { values } = record(sendAll(wire, [message('a')]));
    ack('x');
    receipts$.next({ id: 'a', status: 'queued' });
    receipts$.next({ id: 'a', status: 'sent' });
    expect(values).toEqual([]);
    ack('a');
    expect(values).toEqual([{ id: 'a', status: 'acked' }]);
  });

  it('takes messages of the same id for one message, and emits its receipt for each', async () => {
    const { wire, ack } = fakeWire();
    const receipts = record(sendAll(wire, [message('a'), message('a'), message('b')]));
    ack('a', 'b');
    expect(receipts.values.map(({ id }) => id)).toEqual(['a', 'a', 'b']);
    expect(await receipts.ended).toBe('complete');
  });

  it('completes for an empty source', async () => {
    expect(await record(sendAll(fakeWire().wire, [])).ended).toBe('complete');
  });

  const boom = new Error('boom');
  const failing: readonly (readonly [string, () => MessageSource])[] = [
    [
      'a generator',
      function* () {
        yield message('a');
        throw boom;
      },
    ],
    [
      'an async generator',
      async function* () {
        yield await Promise.resolve(message('a'));
        throw boom;
      },
    ],
    ['a ReadableStream', () => new ReadableStream<Message>({ pull: failAfter(message('a'), boom) })],
    ['an Observable', () => new Subject<Message>()],
  ];
  it.each(failing)('delivers the error of %s after the receipts of its messages', async (kind, sourceOf) => {
    const { wire, sent, ack } = fakeWire();
    const source = sourceOf();
    const receipts = record(sendAll(wire, source));
    if (source instanceof Subject) {
      source.next(message('a'));
      source.error(boom);
    }
    while (sent.length === 0) await Promise.resolve();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    expect([kind, receipts.isOver()]).toEqual([kind, false]);
    ack('a');
    expect(await receipts.ended).toBe(boom);
    expect(receipts.values).toHaveLength(1);
    if (source instanceof ReadableStream) expect(source.locked).toBe(false);
  });

  it('delivers an exception of the iterator method, and of getReader', async () => {
    const fail = (): never => {
      throw boom;
    };
    const sources = [{ [Symbol.iterator]: fail }, { [Symbol.asyncIterator]: fail }, { getReader: fail }, throwError(() => boom)];
    for (const source of sources) expect(await record(sendAll(fakeWire().wire, source)).ended).toBe(boom);
  });

  it('releases a generator that unsubscribes while it runs', () => {
    const { wire, sent, ack, receipts$ } = fakeWire();
    let isReleased = false;
    function* messages(): Generator<Message, void> {
      try {
        yield message('a');
        subscription.unsubscribe();
        yield message('b');
      } finally {
        isReleased = true;
      }
    }
    const { subscription } = record(sendAll(wire, messages(), { ahead: 1 }));
    ack('a');
    expect([sent, isReleased, receipts$.observed]).toEqual([['a'], true, false]);
  });

  it('fails for a value that is not a message', async () => {
    const source = [message('a'), null] as unknown as Message[];
    const { wire, sent } = fakeWire();
    expect(await record(sendAll(wire, source)).ended).toEqual(new InvalidMessageError('message', 'must be an object'));
    expect(sent).toEqual(['a']);
  });

  it('fails with the first error when the end of its iterator throws, too', async () => {
    const values = [message('a'), null].values() as Iterator<unknown>;
    const end = (): never => {
      throw boom;
    };
    const source = { [Symbol.iterator]: () => ({ next: () => values.next(), return: end }) } as Iterable<Message>;
    expect(await record(sendAll(fakeWire().wire, source)).ended).toEqual(new InvalidMessageError('message', 'must be an object'));
  });

  describe('when the wire ends', () => {
    it('fails with the error of the wire', async () => {
      const { wire, state, receipts$, drop } = fakeWire();
      const receipts = record(sendAll(wire, [message('a')]));
      const error = new UnauthorizedError(4401, 'expired');
      drop('a', 'closed');
      Object.assign(state, { status: 'error', error });
      receipts$.complete();
      expect(await receipts.ended).toBe(error);
    });

    it('waits for the error of a wire that drains', async () => {
      const { wire, state, receipts$, drop } = fakeWire();
      state.status = 'disconnecting';
      const receipts = record(sendAll(wire, [message('a')]));
      drop('a', 'closed');
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      expect(receipts.isOver()).toBe(false);
      Object.assign(state, { status: 'error', error: 'late' });
      receipts$.complete();
      expect(await receipts.ended).toBe('late');
    });

    it('fails with a WireClosedError when the wire completes before the source', async () => {
      const { wire, state, receipts$ } = fakeWire();
      const source = new Subject<Message>();
      const receipts = record(sendAll(wire, source));
      state.status = 'disconnected';
      receipts$.complete();
      expect(await receipts.ended).toEqual(new WireClosedError());
      expect(source.observed).toBe(false);
      const late = record(sendAll(wire, NEVER));
      expect(await late.ended).toEqual(new WireClosedError());
    });

    it('fails with the error of a message that was dropped while the wire continues', async () => {
      const { wire, drop } = fakeWire();
      const receipts = record(sendAll(wire, [message('a')]));
      drop('a', 'closed');
      expect(await receipts.ended).toEqual(new MessageDroppedError('a', 'closed'));
    });
  });

  it('takes no more messages once a message was given up', async () => {
    const { wire, sent, ack, drop } = fakeWire();
    const receipts = record(sendAll(wire, ['a', 'b', 'c', 'd'].map(message), { ahead: 2 }));
    drop('a', 'overflow');
    ack('b');
    expect(await receipts.ended).toEqual(new MessageDroppedError('a', 'overflow'));
    expect(sent).toEqual(['a', 'b']);
  });

  it('fails a for await loop, and stops with it', async () => {
    const { wire, drop, receipts$ } = fakeWire((id) => queueMicrotask(() => drop(id, 'overflow')));
    const loop = async (): Promise<void> => {
      for await (const receipt of sendAll(wire, of(message('a')))) expect(receipt).toBeUndefined();
    };
    await expect(loop()).rejects.toEqual(new MessageDroppedError('a', 'overflow'));
    expect(receipts$.observed).toBe(false);
  });

  it('emits failed receipts in a for await loop, with emitFailed', async () => {
    const { wire, drop, ack } = fakeWire((id) => queueMicrotask(() => (id === 'b' ? drop(id, 'overflow') : ack(id))));
    const all: string[] = [];
    for await (const { status } of sendAll(wire, ['a', 'b', 'c'].map(message), { ahead: 1, emitFailed: true })) all.push(status);
    expect(all).toEqual(['acked', 'dead', 'acked']);
  });

  it('sends 100,000 messages to a wire that acks each at once, without recursion', async () => {
    const messages = Array.from({ length: 100_000 }, (_, index) => message(`m${index}`));
    expect(await lastValueFrom(sendAll(quickWire(), messages).pipe(toArray()))).toHaveLength(100_000);
    const pushed = messages.slice(0, 20_000);
    expect(await lastValueFrom(of(...pushed).pipe(sendThrough(quickWire(), { ahead: 1, maxBuffered: 1 }), toArray()))).toHaveLength(20_000);
  });

  it.each(['a text', 5, null, undefined, {}])('refuses a source that is %p when called', (source) => {
    expect(() => sendAll(fakeWire().wire, source as MessageSource)).toThrow(TypeError);
  });

  it.each([
    [{ ahead: 0 }, '"ahead" must be a whole number from 1 to 2147483647, got 0'],
    [{ ahead: Infinity }, '"ahead" must be a whole number from 1 to 2147483647, got Infinity'],
    [{ maxBuffered: 0.5 }, '"maxBuffered" must be a whole number from 1 to 2147483647, got 0.5'],
  ])('refuses %j when called', (options, text) => {
    expect(() => sendAll(fakeWire().wire, [], options)).toThrow(new RangeError(`sendAll: ${text}`));
    expect(() => sendThrough(fakeWire().wire, options)).toThrow(new RangeError(`sendThrough: ${text}`));
  });
});

/** Returns the `pull` of a stream of one value, which then fails. */
function failAfter(value: Message, error: Error) {
  let count = 0;
  return (controller: ReadableStreamDefaultController<Message>): void => {
    if (count++ === 0) controller.enqueue(value);
    else controller.error(error);
  };
}
