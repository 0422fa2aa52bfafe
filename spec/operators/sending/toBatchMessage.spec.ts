import { firstValueFrom, from, map, of, pipe, toArray } from 'rxjs';
import { fromBatchMessage, toBatchMessage, type BatchMessageOptions } from '../../../lib/operators/sending/batchMessage.js';
import { encryptPayload } from '../../../lib/operators/payloads/encryptPayload.js';
import { keyring } from '../../../lib/codec/keyring.js';
import { createMessage, type MessageOptions } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { batchByKey } from '../../../lib/operators/batchByKey.js';
import { nested } from '../../codec/messages.js';
import { operatorContract } from '../../support/operatorContract.js';
import { pair } from '../../support/sessionPair.js';

const message = (id: string, options: MessageOptions = {}): Message => createMessage('test.any', id, { source: 'me', ...options, id });
const circular = (): unknown => {
  const self: Record<string, unknown> = {};
  return (self['self'] = self);
};
/** The envelope of messages. */
const envelope = (messages: readonly Message[], options?: BatchMessageOptions): Promise<Message<'batch'>> =>
  firstValueFrom(of({ key: 'k', items: messages as [Message] }).pipe(toBatchMessage(options)));

describe('toBatchMessage', () => {
  // Each envelope has another id.
  const contents = pipe(
    toBatchMessage(),
    map(({ payload }) => payload),
  );
  operatorContract(() => contents, {
    value: (index) => ({ key: 'k', items: [createMessage('test.any', index, { id: String(index), timestamp: 0 })] as const }),
  });

  it('makes an envelope of each batch', async () => {
    const messages = [message('a'), message('b')];
    const { id, type, payload } = await envelope(messages);
    expect([type, payload]).toEqual(['batch', { batchKey: 'k', messages, count: 2 }]);
    expect(id).not.toBe((await envelope(messages)).id);
  });

  it.each<[string, readonly unknown[], readonly (readonly number[])[]]>([
    ['what no codec supports', [1, () => 1, 3], [[0], [1], [2]]],
    ['a circular object', [1, circular(), 3, 4], [[0], [1], [2, 3]]],
    ['too many levels', [1, nested(29), nested(30), nested(31)], [[0, 1], [2], [3]]],
    ['half a character', ['a', '\ud800', 'b'], [[0], [1], [2]]],
    ['bytes and numbers that JSON does not support', [1, Uint8Array.of(1), NaN, 1n, 2], [[0], [1, 2, 3], [4]]],
    ['more than 128 KiB', ['x'.repeat(100_000), 'y'.repeat(40_000), 'z', 'x'.repeat(500_000)], [[0], [1, 2], [3]]],
  ])('lets a message with %s share no batch with those that it would stop', async (_, payloads, expected) => {
    const messages = payloads.map((payload, index) => ({ ...message(String(index)), payload }));
    const batches = await firstValueFrom(of({ key: 'k', items: messages as never }).pipe(toBatchMessage(), toArray()));
    expect(batches.map(({ payload }) => payload.messages.map(({ id }) => Number(id)))).toEqual(expected);
    expect(batches.map(({ payload }) => payload.count)).toEqual(expected.map(({ length }) => length));
  });

  it('is undone by fromBatchMessage', async () => {
    const messages = ['a', 'b', 'c', 'd'].map((id) => message(id, id === 'b' ? {} : { target: 'ann' }));
    const back = await firstValueFrom(from(messages).pipe(batchByKey(), toBatchMessage(), fromBatchMessage(), toArray()));
    expect(back.map(({ id }) => id)).toEqual(['a', 'c', 'd', 'b']);
    expect(back).toEqual(expect.arrayContaining(messages));
  });

  it.each<[readonly MessageOptions[], Pick<MessageOptions, 'target' | 'priority' | 'delivery'>]>([
    [[{}, {}], {}],
    [[{ target: 'ann' }, { target: 'ann' }], { target: 'ann' }],
    [[{ target: 'ann' }, {}], {}],
    [[{ priority: 0 }, { priority: 3 }], { priority: 3 }],
    [[{ priority: 0 }, {}], { priority: 1 }],
    [[{ delivery: 'at-most-once' }, { delivery: 'at-most-once' }], { delivery: 'at-most-once' }],
    [[{ delivery: 'at-most-once' }, {}], {}],
    [[{ delivery: 'at-most-once' }, { delivery: 'at-least-once' }], { delivery: 'at-least-once' }],
    [[{}, { delivery: 'exactly-once' }], { delivery: 'exactly-once' }],
  ])('gives the envelope of %j the fields %j', async (options, expected) => {
    const { target, priority, delivery } = await envelope(options.map((one, index) => message(String(index), one)));
    expect({ target, priority, delivery }).toEqual(expected);
  });

  it('lets options override these fields', async () => {
    const messages = [message('a', { target: 'ann', priority: 3 })];
    expect(await envelope(messages, { target: 'ben', priority: 0 })).toMatchObject({ target: 'ben', priority: 0 });
  });

  it('does not hide a message that says it is encrypted and is not: the wire refuses the batch', async () => {
    const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32) } });
    const marked = message('a', { metadata: { encrypted: true } });
    const encrypted = await firstValueFrom(of(marked).pipe(encryptPayload(keys)));
    const { wire, serverWire, close } = pair();
    (await serverWire()).subscribe();
    await expect(wire.send(await envelope([message('b'), marked]))).rejects.toMatchObject({ code: 'ERR_NOT_ENCRYPTED' });
    expect((await wire.send(await envelope([message('b'), encrypted]))).status).toBe('acked');
    close();
  });
});
