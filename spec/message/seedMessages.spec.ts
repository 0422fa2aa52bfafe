import { gzipped } from '../../lib/codec/gzipped.js';
import type { Codec } from '../../lib/codec/codec.js';
import { json } from '../../lib/codec/json.js';
import { keyring } from '../../lib/codec/keyring.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { sealed } from '../../lib/codec/sealed.js';
import type { Message, SharedMessageTypes } from '../../lib/message/types.js';
import { protobuf } from '../../lib/codec/protobuf/index.js';
import { placed, soon } from '../support/places.js';

/** All optional fields of the envelope, as a program of the SDK that rxwire replaces would fill them in. */
const envelope = {
  id: 'msg_1732617600000_k3j9x2',
  timestamp: 1_732_617_600_000,
  version: '1.0',
  source: 'Browser Tab #3 <ann@example.com>',
  target: 'sandbox größe/1 (eu)',
  correlationId: 'msg_1732617500000_a',
  replyTo: '返信 queue',
  ttl: 30_000,
  priority: 2,
  headers: {
    authorization: `Bearer ${'eyJhbGciOiJIUzI1NiJ9.'.repeat(100)}`,
    'X-Trace Id': {
      trace: 'abc',
      spans: [
        { id: 1, parent: null },
        { id: 2.5, tags: ['a', 'b'], isRoot: false },
      ],
    },
    attempt: 3,
    beta: true,
    nothing: null,
  },
  metadata: {
    retryCount: 1,
    maxRetries: 5,
    deliveryTag: 'amq.ctag-1:42',
    routingKey: 'executions.eu.west',
    persistent: true,
    compressed: true,
    encrypted: false,
    exchange: 'sandbox',
    tenant: { id: 7, plan: ['pro', null] },
  },
} as const;

const execution = { executionId: 'exec-1', sandboxId: 'sbx-1' };
const error = {
  name: 'ZeroDivisionError',
  message: 'division by zero',
  code: 'E_RUNTIME',
  stack: 'File "<stdin>", line 1',
  traceback: ['a', 'b'],
};
const file = { sandboxId: 'sbx-1', path: '/home/user/Größe (1).txt', progress: 0.5, result: { bytes: 3, checksum: null } };
const resource = {
  sandboxId: 'sbx-1',
  metrics: {
    cpu: { usage: 91.5, cores: 4, perCore: [90, 93, 89, 94] },
    memory: { used: 480, total: 512, unit: 'MiB' },
    disk: { read: 1_024, write: 0 },
    network: { bytesIn: 1, bytesOut: 2 },
    gpu: 0.25,
  },
  thresholds: { cpu: 80, memory: { warning: 400, critical: 480 } },
  alerts: [{ metric: 'cpu', level: 'warning', value: 91.5, threshold: 80, message: 'CPU is high', since: 1_732_617_600_000 }],
};
const system = { status: 'draining', timestamp: 1_732_617_600_000, metadata: { node: 'n1', load: [0.1, 0.2] } };

/** Payloads in the words of the interfaces, each with all of its optional fields. */
const payloads: { readonly [T in keyof SharedMessageTypes]: SharedMessageTypes[T] } = {
  'execution.start': { ...execution, data: { code: 'print(1 / 0)', language: 'python', env: { PATH: '/bin' } } },
  'execution.output': { ...execution, data: { type: 'chart', png: 'iVBORw0KGgo=', size: [640, 480] } },
  'execution.complete': { ...execution, data: [{ exitCode: 0 }, 'text', null] },
  'execution.error': { ...execution, error },
  'file.upload': { ...file, operation: 'upload' },
  'file.download': { ...file, operation: 'download' },
  'file.delete': { ...file, operation: 'delete' },
  'file.change': { ...file, operation: 'chmod +x' },
  'resource.metrics': { sandboxId: resource.sandboxId, metrics: resource.metrics },
  'resource.warning': resource,
  'resource.limit': resource,
  'system.heartbeat': system,
  'system.ping': { timestamp: 1 },
  'system.pong': system,
  'system.shutdown': system,
};

const short = (type: string, payload: unknown): Message => ({ id: type, type, timestamp: 1, version: '1.0', source: '', payload });
const named: readonly (readonly [name: string, message: Message])[] = [
  ...Object.entries(payloads).map(([type, payload]) => [type, { ...envelope, type, payload }] as const),
  ...Object.entries(payloads).map(([type, payload]) => [`${type}, with no optional field`, short(type, payload)] as const),
  ['a type of an application', { ...envelope, type: 'Notebook: cell executed', payload: { any: [true] } }],
  ['ack', { ...short('ack', null), correlationId: 'msg_1' }],
  [
    'batch',
    {
      ...short('batch', {
        batchKey: 'file.change:ann',
        count: 2,
        messages: [{ ...envelope, type: 'file.change', payload: file }, short('ack', null)],
      }),
    },
  ],
  [
    'no time to live',
    { ...short('system.ping', { timestamp: 1 }), ttl: 0, priority: 0, target: '', replyTo: '', headers: {}, metadata: {} },
  ],
];

const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(7) } });
const plain = [json(), msgpack(), protobuf()];
const codecs: readonly (readonly [string, Codec])[] = plain.flatMap((codec) => [
  [codec.name, codec] as const,
  [`${codec.name}, gzipped`, gzipped(codec, { threshold: 0 })] as const,
  [`${codec.name}, sealed`, placed(sealed(codec, keys))] as const,
  [`${codec.name}, gzipped and sealed`, placed(sealed(gzipped(codec, { threshold: 0 }), keys))] as const,
]);

describe.each(codecs)('the messages of the SDK that rxwire replaces, through %s', (_, codec) => {
  const through = async (batch: readonly Message[]) => {
    const frame = await soon(() => codec.encode(batch));
    return soon(() => codec.decode(frame));
  };

  it.each(named)('%s', async (_name, message) => {
    expect(await through([message])).toEqual([message]);
  });

  it('all of them in one batch', async () => {
    const all = named.map(([, message]) => message);
    expect(await through(all)).toEqual(all);
  });
});
