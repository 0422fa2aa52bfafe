import { lastValueFrom, of, Subject, toArray, VirtualTimeScheduler, type MonoTypeOperatorFunction } from 'rxjs';
import { contentKey } from '../../lib/message/contentKey.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { dedupe } from '../../lib/operators/dedupe.js';
import { operatorContract } from '../support/operatorContract.js';

describe('dedupe', () => {
  operatorContract(() => dedupe({ key: (value: number) => value }), {
    throwing: {
      key: (fail) => dedupe({ key: fail }),
      onDuplicate: (fail) => dedupe({ key: () => 'same', onDuplicate: fail }),
    },
  });

  it('takes the id of a message as its key', async () => {
    const [first, second] = [createMessage('ack', null, { id: '1' }), createMessage('ack', null, { id: '2' })];
    const again = createMessage('system.ping', { timestamp: 0 }, { id: '1' });
    expect(await lastValueFrom(of(first, second, again).pipe(dedupe(), toArray()))).toEqual([first, second]);
  });

  it('remembers for 5 minutes and 10,000 keys by default', () => {
    const scheduler = new VirtualTimeScheduler();
    const dropped: unknown[] = [];
    const passes = dedupe({ key: (value: unknown) => value, scheduler, onDuplicate: (value) => dropped.push(value) });
    const source = new Subject<unknown>();
    source.pipe(passes).subscribe();

    source.next('first');
    scheduler.frame = 299_999;
    source.next('first');
    expect(dropped).toEqual(['first']);
    scheduler.frame = 300_000;
    source.next('first');
    expect(dropped).toEqual(['first']);

    for (let index = 1; index < 10_000; index++) source.next(index);
    source.next('first');
    expect(dropped).toEqual(['first', 'first']);
    source.next(10_000);
    source.next('first');
    expect(dropped).toEqual(['first', 'first']);
  });

  it('forgets the oldest key when maxSize is reached, and no other', async () => {
    const passed = of('a', 'b', 'b', 'c', 'b', 'a').pipe(dedupe({ key: (letter) => letter, maxSize: 2 }), toArray());
    expect(await lastValueFrom(passed)).toEqual(['a', 'b', 'c', 'a']);
  });

  it('drops only messages of equal content, with contentKey', async () => {
    const message = createMessage('test.any', { a: 1, b: 2 }, { id: 'm1' });
    const others = [
      { ...message, payload: { b: 2, a: 1 }, source: 'other' },
      { ...message, payload: { a: 1 } },
      { ...message, id: 'm2' },
    ];
    const passed = of(message, ...others).pipe(dedupe({ key: contentKey }), toArray());
    expect(await lastValueFrom(passed)).toEqual([message, others[1], others[2]]);
  });

  it('compares keys as a Set does', async () => {
    const object = {};
    const values = [NaN, NaN, null, null, 0, -0, object, object, {}, '0'];
    const passed = of(...values).pipe(dedupe({ key: (value) => value }), toArray());
    expect(await lastValueFrom(passed)).toEqual([NaN, null, 0, object, {}, '0']);
  });

  it('fails for an undefined key, as that of a value without an id', async () => {
    const fault = new TypeError('dedupe: the key of a value is undefined; pass "key"');
    await expect(lastValueFrom(of('a', 'a', 'b').pipe(dedupe() as MonoTypeOperatorFunction<unknown>))).rejects.toEqual(fault);
    await expect(lastValueFrom(of('a').pipe(dedupe({ key: () => undefined })))).rejects.toEqual(fault);
  });

  it.each(['ttl', 'maxSize'])('refuses a %s that is not positive when called', (option) => {
    for (const value of [0, -1, NaN]) {
      expect(() => dedupe({ [option]: value })).toThrow(new RangeError(`dedupe: "${option}" must be > 0, got ${value}`));
    }
  });
});
