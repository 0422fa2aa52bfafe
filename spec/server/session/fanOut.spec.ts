import { VirtualTimeScheduler } from 'rxjs';
import { json } from '../../../lib/codec/json.js';
import type { BatchContext } from '../../../lib/codec/codec.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { FanOut, type Burst, type FanOutMember } from '../../../lib/server/session/fanOut.js';

const message = (id: string, fields: object = {}): Message => createMessage('test.any', null, { id, ...fields });

function setUp() {
  const scheduler = new VirtualTimeScheduler();
  const fanOut = new FanOut(scheduler);
  const bursts: (readonly [name: string, burst: Burst])[] = [];
  const member = (name: string, error?: Error): FanOutMember => ({
    burst: undefined,
    flush(burst) {
      if (error) throw error;
      bursts.push([name, burst]);
    },
  });
  const flushed = (): readonly (readonly [string, readonly string[]])[] =>
    bursts.splice(0).map(([name, burst]) => [name, burst.messages().map(({ id }) => id)]);
  return { fanOut, scheduler, member, bursts, flushed };
}

describe('FanOut', () => {
  it('flushes the messages of one go at the end of it, in order', () => {
    const { fanOut, scheduler, member, flushed } = setUp();
    const a = member('a');
    fanOut.add(a, message('1'));
    fanOut.add(a, message('2'));
    expect(flushed()).toEqual([]);
    scheduler.flush();
    expect(flushed()).toEqual([['a', ['1', '2']]]);
  });

  it('shares the burst of members that are given the same messages', () => {
    const { fanOut, scheduler, member, bursts } = setUp();
    const [a, b, c] = [member('a'), member('b'), member('c')];
    for (const one of [message('1'), message('2')]) for (const to of [a, b]) fanOut.add(to, one);
    fanOut.add(c, message('3'));
    scheduler.flush();
    const [[, ofA], [, ofB], [, ofC]] = bursts as [[string, Burst], [string, Burst], [string, Burst]];
    expect([ofA === ofB, ofA === ofC]).toEqual([true, false]);
  });

  it('adds a message once that a member is given twice', () => {
    const { fanOut, scheduler, member, flushed } = setUp();
    const [a, b] = [member('a'), member('b')];
    for (const id of ['1', '2', '1']) fanOut.add(a, message(id));
    fanOut.add(b, message('1'));
    scheduler.flush();
    expect(flushed()).toEqual([
      ['a', ['1', '2']],
      ['b', ['1']],
    ]);
  });

  it('flushes all members when one throws, then throws the first error, and continues', () => {
    const { fanOut, scheduler, member, flushed } = setUp();
    const boom = new Error('boom');
    const [a, b] = [member('a', boom), member('b')];
    fanOut.add(a, message('1'));
    fanOut.add(b, message('1'));
    expect(() => scheduler.flush()).toThrow(boom);
    fanOut.add(b, message('2'));
    scheduler.flush();
    expect(flushed()).toEqual([
      ['b', ['1']],
      ['b', ['2']],
    ]);
  });
});

describe('a parcel', () => {
  const codec = json();
  const parcelOf = (messages: readonly Message[], by = codec) => {
    const { fanOut, scheduler, member, bursts } = setUp();
    const a = member('a');
    for (const one of messages) fanOut.add(a, one);
    scheduler.flush();
    return bursts[0]![1].parcel(by, 'at-least-once', { scheduler });
  };

  it('has the messages, encoded', () => {
    const messages = [message('1'), message('2')];
    expect(parcelOf(messages)).toMatchObject({ messages, body: codec.encode(messages), delivery: 'at-least-once' });
  });

  it.each([
    ['priorities', { priority: 3 }],
    ['delivery levels', { delivery: 'at-most-once' }],
  ])('does not exist for messages of different %s', (_, fields) => {
    expect(parcelOf([message('1'), message('2', fields)])).toBeUndefined();
  });

  it('does not exist for a codec that takes the context of a batch', () => {
    const encode = (messages: readonly Message[], context?: BatchContext) => `${context?.first}${String(codec.encode(messages))}`;
    expect(parcelOf([message('1')], { ...codec, encode })).toBeUndefined();
  });

  it('does not exist for a sealed codec', () => {
    expect(parcelOf([message('1')], { ...codec, isSealed: true })).toBeUndefined();
  });

  it('does not exist for more messages than fit in a batch', () => {
    const messages = Array.from({ length: 257 }, (_, n) => message(String(n)));
    expect([parcelOf(messages.slice(1)) === undefined, parcelOf(messages) === undefined]).toEqual([false, true]);
  });
});
