import { filter, from, map, toArray } from 'rxjs';
import { route } from '../../lib/operators/routing/route.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { MessagePriority } from '../../lib/message/messagePriority.js';
import type { Message, MessageMetadata, MessageTypes } from '../../lib/message/types.js';
import { parseMessage } from '../../lib/message/parseMessage.js';
import { ackWithin } from '../../lib/operators/ackWithin.js';
import { batchByKey } from '../../lib/operators/batchByKey.js';
import { ofType } from '../../lib/operators/ofType.js';
import { unbatch } from '../../lib/operators/unbatch.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { socketPair } from '../support/socketPair.js';

const codecs = [
  ['json', json()],
  ['msgpack', msgpack()],
] as const;

describe.each(codecs)('R1 messages, with the codec %s over a real socket', (_, codec) => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  async function opened(onServerWire: (served: Wire) => void = () => undefined) {
    const both = await socketPair(onServerWire, { codec, id: 'client' });
    cleanups.push(both.close);
    return both;
  }

  /** What the other side gets, when these are sent. */
  async function carried(...messages: readonly Message[]): Promise<readonly Message[]> {
    const { wire, served } = await opened();
    const received = record(served);
    messages.forEach((message) => wire.next(message));
    return received.take(messages.length);
  }

  it('envelope: every field arrives as it was sent, and defaults are filled in', async () => {
    const full: Message = {
      ...{ id: 'm1', type: 'test.any', timestamp: 1_700_000_000_000, version: '1.0', source: 'me', target: 'you', correlationId: 'm0' },
      ...{
        replyTo: 'inbox',
        ttl: 10 * 365 * 86_400_000,
        priority: MessagePriority.HIGH,
        payload: { text: 'hëllo', list: [1, null, true] },
      },
      ...{ headers: { trace: 't1', span: { parent: 7, tags: ['a', null] } }, metadata: { retryCount: 0 } },
    };
    const least = createMessage('test.any', null);
    expect(await carried(full, least)).toEqual([full, { ...least, source: 'client' }]);
    expect(least).toEqual({
      id: expect.stringMatching(/^[\w-]{21}$/),
      type: 'test.any',
      timestamp: expect.any(Number),
      version: '1.0',
      source: '',
      payload: null,
    });
    expect(Math.abs(least.timestamp - Date.now())).toBeLessThan(60_000);
  });

  it('metadata: all of it', async () => {
    const metadata: MessageMetadata = {
      ...{
        retryCount: 1,
        maxRetries: 3,
        deliveryTag: '7',
        routingKey: 'eu.west',
        persistent: true,
        compressed: false,
        encrypted: false,
        tenant: { region: 'eu' },
      },
    };
    expect((await carried(createMessage('test.any', null, { metadata })))[0]?.metadata).toEqual(metadata);
    expect(() => parseMessage({ ...createMessage('test.any', null), metadata: { deliveryTag: 7 } })).toThrow('metadata.deliveryTag');
  });

  it('priority: LOW 0, NORMAL 1 (default), HIGH 2, CRITICAL 3; the urgent go first among those that wait', async () => {
    expect(MessagePriority).toMatchObject({ LOW: 0, NORMAL: 1, HIGH: 2, CRITICAL: 3 });
    const { LOW, NORMAL, HIGH, CRITICAL } = MessagePriority;
    const sent = [LOW, undefined, HIGH, CRITICAL, NORMAL].map((priority, index) =>
      createMessage('test.any', `${index}`, priority === undefined ? {} : { priority }),
    );
    expect((await carried(...sent)).map(({ payload }) => payload)).toEqual(['3', '2', '1', '4', '0']);
  });

  const about = { executionId: 'e1', sandboxId: 's1' };
  const file = { sandboxId: 's1', path: '/a.txt', operation: 'update', progress: 0.5, result: { bytes: 3 } } as const;
  const resource = {
    sandboxId: 's1',
    metrics: { cpu: 0.9, memory: 512, programs: 1 },
    thresholds: { cpu: 0.8, memory: 1_000 },
    alerts: [{ metric: 'cpu', level: 'warning', value: 0.9, threshold: 0.8 }],
  };
  const system = { status: 'up', timestamp: 1, metadata: { node: 'n1' } };
  type Payloads = { readonly [T in keyof MessageTypes]?: MessageTypes[T] };
  const kinds: Readonly<Record<string, Payloads>> = {
    'execution messages': {
      'execution.start': { ...about, data: 'console.log(42)' },
      'execution.output': { ...about, data: '42\n', stream: 'stdout' },
      'execution.complete': { ...about, data: { exitCode: 0, duration: 12 } },
      'execution.error': { ...about, error: { name: 'Error', message: 'no memory', code: 'OOM', stack: 'at a' } },
    },
    'file messages': { 'file.upload': file, 'file.download': file, 'file.delete': file, 'file.change': file },
    'resource messages': { 'resource.metrics': resource, 'resource.warning': resource, 'resource.limit': resource },
    'system messages': { 'system.heartbeat': system, 'system.ping': system, 'system.pong': system, 'system.shutdown': system },
  };

  it.each(Object.entries(kinds))('%s: each with its payload', async (_kind, payloads) => {
    const entries = Object.entries(payloads);
    const received = await carried(...entries.map(([type, payload]) => createMessage<string, unknown>(type, payload)));
    expect(received.map(({ type, payload }) => [type, payload])).toEqual(entries);
  });

  it('ack: its correlationId names the acked id', async () => {
    const { wire, served } = await opened((there) =>
      there.pipe(filter(({ type }) => type !== 'ack')).subscribe(({ id }) => there.next(createMessage('ack', null, { correlationId: id }))),
    );
    served.subscribe();
    const acks = record(wire.pipe(ofType('ack')));
    const asked = createMessage('test.any', null);
    const receipts = record(from([asked]).pipe(ackWithin(wire.pipe(ofType('ack')), 5_000, { send: (message) => wire.next(message) })));
    expect(await receipts.take(1)).toMatchObject([{ id: asked.id, status: 'acked', attempts: 1 }]);
    expect(acks.values).toMatchObject([{ type: 'ack', payload: null, correlationId: asked.id }]);
  });

  it('batch: several messages as one, under a key', async () => {
    const { wire, served } = await opened();
    const batches = record(served.pipe(ofType('batch')));
    const single = record(
      served.pipe(
        ofType('batch'),
        map(({ payload }) => ({ key: payload.batchKey, items: payload.messages })),
        unbatch(),
      ),
    );
    const items = ['a', 'b', 'c'].map((id) => createMessage('test.any', id, { id, target: id === 'b' ? 'other' : 'one' }));
    from(items)
      .pipe(
        batchByKey(({ target = '' }) => target),
        map(({ key, items: messages }) => createMessage('batch', { batchKey: key, messages, count: messages.length })),
      )
      .subscribe((message) => wire.next(message));
    const payloads = (await batches.take(2)).map(({ payload: { batchKey, count, messages } }) => [
      batchKey,
      count,
      messages.map(({ id }) => id),
    ]);
    expect(payloads).toEqual([
      ['one', 2, ['a', 'c']],
      ['other', 1, ['b']],
    ]);
    expect((await single.take(3)).map(({ id }) => id)).toEqual(['a', 'c', 'b']);
  });

  it('typing: the type selects the payload in filters, routes and handlers; unknown types are still carried', async () => {
    const { wire, served } = await opened();
    const texts: string[] = [];
    // What is read of a payload here compiles only because its type follows; spec/types shows what does not compile.
    const filtered = record(
      served.pipe(
        ofType('execution.output'),
        map(({ payload }) => payload.data.trim()),
      ),
    );
    const routed = record(served.pipe(route({ 'file.*': ({ payload }) => void texts.push(payload.path.slice(1)) }), toArray()));
    const strange = record(
      served.pipe(
        ofType('nobody.knows'),
        map(({ payload }) => payload),
      ),
    );
    wire.next(createMessage('execution.output', { ...about, data: '42\n' }));
    wire.next(createMessage('file.change', file));
    wire.next(createMessage('nobody.knows', { any: ['thing'] }));
    expect(await strange.take(1)).toEqual([{ any: ['thing'] }]);
    expect([filtered.values, texts, routed.isOver()]).toEqual([['42'], ['a.txt'], false]);
  });
});
