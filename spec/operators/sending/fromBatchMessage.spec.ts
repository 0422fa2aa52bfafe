import { from, map, Subject, take, type Observable } from 'rxjs';
import { fromBatchMessage } from '../../../lib/operators/sending/batchMessage.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import { eventually } from '../../support/eventually.js';
import { operatorContract } from '../../support/operatorContract.js';
import { record } from '../../support/record.js';
import { pair } from '../../support/sessionPair.js';

const message = (id: string, source = 'me'): Message => createMessage('test.any', id, { id, source });
const batch = (ids: string, id = 'batch'): Message<'batch'> =>
  createMessage('batch', { batchKey: 'k', messages: Array.from(ids, (one) => message(one)), count: ids.length }, { id, source: 'peer' });
const idOf = map(({ id }: Message) => id);

describe('fromBatchMessage', () => {
  operatorContract<Message>(() => fromBatchMessage(), {
    value: (index) => batch(String(index), String(index)),
    throwing: {
      onError: (fail) => (source) =>
        source.pipe(
          map((one) => ({ ...one, payload: 'none' })),
          fromBatchMessage({ onError: fail }),
        ),
    },
  });

  it('emits the messages of each batch, and all others, in order', () => {
    const inner = { ...batch('x'), id: 'inner' };
    const nested = createMessage('batch', { batchKey: 'k', messages: [inner], count: 1 });
    const { values } = record(from([message('1'), batch('ab'), message('2'), nested]).pipe(fromBatchMessage(), idOf));
    expect(values).toEqual(['1', 'a', 'b', '2', 'inner']);
  });

  it('gives a message without a source that of its batch', () => {
    const messages = [message('a', ''), message('b')];
    const one = createMessage('batch', { batchKey: 'k', messages, count: 2 }, { source: 'peer' });
    expect(record(from([one]).pipe(fromBatchMessage())).values.map(({ source }) => source)).toEqual(['peer', 'me']);
  });

  it('stops in the middle of a batch when it is unsubscribed', () => {
    expect(record(from([batch('abc')]).pipe(fromBatchMessage(), take(2), idOf)).values).toEqual(['a', 'b']);
  });

  it.each<[string, unknown]>([
    ['that is null', null],
    ['without messages', { batchKey: 'k', count: 0 }],
    ['whose messages are no list', { batchKey: 'k', messages: 'ab', count: 2 }],
    ['with another number of messages', { batchKey: 'k', messages: [message('a')], count: 2 }],
  ])('fails for a payload %s, emits none of its messages, and continues', async (_, payload) => {
    const { wire, serverWire, close } = pair();
    const server = await serverWire();
    const errors = record(server.errors$);
    const passed = record(server.pipe(fromBatchMessage(), idOf));
    wire.next(createMessage('batch', payload as never));
    wire.next(batch('c'));
    expect(await passed.take(1)).toEqual(['c']);
    expect(errors.values.map(({ code }) => code)).toEqual(['ERR_INVALID_MESSAGE']);
    close();
  });

  it('emits the other messages of a batch with invalid ones, which become one dead letter', async () => {
    const { wire, serverWire, close } = pair();
    const server = await serverWire();
    const errors = record(server.errors$);
    const passed = record(server.pipe(fromBatchMessage(), idOf));
    const messages = [message('a'), { id: 1 }, null, message('b')];
    const sent = await wire.send(createMessage('batch', { batchKey: 'k', messages, count: 4 } as never));
    expect([sent.outcome, passed.values]).toEqual(['dead-lettered', ['a', 'b']]);
    expect(errors.values.map(({ code, text }) => [code, text])).toEqual([['ERR_INVALID_MESSAGE', expect.stringContaining('[1].id')]]);
    const letters = record(server.deadLetters.list()).values;
    expect(letters.map((letter) => letter.message.payload)).toEqual([{ batchKey: 'k', messages: [{ id: 1 }, null], count: 2 }]);
    close();
  });

  it('ends a stream that no wire delivers with the error, unless there is an onError', async () => {
    const bad = createMessage('batch', { batchKey: 'k', messages: [message('a'), {} as Message], count: 2 });
    const { values, ended } = record(from([bad, batch('b')]).pipe(fromBatchMessage(), idOf));
    expect([values, await ended]).toMatchObject([['a'], { code: 'ERR_INVALID_MESSAGE' }]);
    const codes: string[] = [];
    const all = record(from([bad, batch('b')]).pipe(fromBatchMessage({ onError: ({ code }) => void codes.push(code) }), idOf));
    expect([all.values, codes]).toEqual([['a', 'b'], ['ERR_INVALID_MESSAGE']]);
  });

  it('lets a batch be acked when all of its messages are processed, and not before', async () => {
    const { wire, serverWire, close } = pair();
    const work = new Map<string, Subject<unknown>>();
    const handle = ({ id }: Message): Observable<unknown> => {
      const work$ = new Subject<unknown>();
      work.set(id, work$);
      return work$;
    };
    (await serverWire()).pipe(fromBatchMessage(), consume(handle, { concurrency: 3 })).subscribe();
    const sent = wire.send(batch('abc'));
    await eventually(() => expect([...work.keys()]).toEqual(['a', 'b', 'c']));
    work.get('b')?.complete();
    work.get('a')?.complete();
    await wire.send(createMessage('system.ping', { timestamp: 0 }, { delivery: 'at-most-once' }));
    expect(wire.isPending('batch')).toBe(true);
    work.get('c')?.complete();
    expect((await sent).status).toBe('acked');
    close();
  });
});
