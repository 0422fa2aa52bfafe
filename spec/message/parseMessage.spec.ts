import fc from 'fast-check';
import { InvalidMessageError } from '../../lib/message/errors.js';
import { parseMessage } from '../../lib/message/parseMessage.js';
import { messages, sample } from '../codec/messages.js';

const valid = { id: 'a', type: 'a', timestamp: 0, version: '1.0', source: '', payload: null };
/** Headers of `size` bytes of JSON text each. */
const headers = (count: number, size: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`.padEnd(4, '_'), 'x'.repeat(size - '"h000":""'.length)]));
const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) });

/** What `parse` throws, which has to be an InvalidMessageError. */
function refusal(value: unknown, path?: string): InvalidMessageError {
  try {
    parseMessage(value, path);
  } catch (error) {
    if (error instanceof InvalidMessageError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('parseMessage', () => {
  it('passes a message that has everything', () => {
    expect(parseMessage(sample())).toEqual(sample());
  });

  it('passes any message that is one', () => {
    fc.assert(
      fc.property(messages(fc.anything().map((payload) => payload ?? null)), (message) => expect(parseMessage(message)).toEqual(message)),
    );
  });

  it('accepts values at the limits', () => {
    const limits = {
      id: 'i'.repeat(256),
      type: 't'.repeat(256),
      source: 's'.repeat(256),
      target: '',
      replyTo: 'r'.repeat(256),
      version: 'v'.repeat(256),
      ttl: 0,
    };
    for (const fields of [headers(32, 512), headers(2, 8_192), deep(31)]) {
      const message = { ...valid, ...limits, headers: fields, metadata: fields };
      expect(parseMessage(message)).toEqual(message);
    }
  });

  it('counts the size of headers and metadata as JSON text in bytes', () => {
    const atLimit = 'é'.repeat((8_192 - '"a":""'.length) / 2);
    expect(parseMessage({ ...valid, headers: { a: atLimit } }).headers).toEqual({ a: atLimit });
    expect(refusal({ ...valid, headers: { a: `${atLimit}é` } })).toMatchObject({
      path: 'headers.a',
      reason: 'must be at most 8192 bytes of JSON text',
    });
    expect(refusal({ ...valid, metadata: { a: '\n'.repeat(4_096) } }).path).toBe('metadata.a');
  });

  it('has room for a token in a header', () => {
    const message = { ...valid, headers: { authorization: `Bearer ${'x'.repeat(8_000)}` } };
    expect(parseMessage(message)).toEqual(message);
  });

  it.each(['Größe & Söhne', 'a b', '<ann@example.com>', '機械', 'x/y?z=1#2', '*'])('takes %s for a name', (name) => {
    const message = { ...valid, type: name, version: name, source: name, target: name, replyTo: name, headers: { [name]: 1 } };
    expect(parseMessage(message)).toEqual(message);
  });

  it('copies headers and metadata: later changes of the original do not change the message', () => {
    const inner = { list: [1] };
    const message = parseMessage({ ...valid, headers: { inner }, metadata: { inner } });
    inner.list.push(2);
    expect([message.headers, message.metadata]).toEqual([{ inner: { list: [1] } }, { inner: { list: [1] } }]);
  });

  it('leaves out fields that are undefined, as JSON does', () => {
    const message = parseMessage({
      ...valid,
      headers: { a: undefined, b: { c: undefined } },
      metadata: { retryCount: undefined, d: [undefined] },
    });
    expect([message.headers, message.metadata]).toEqual([{ b: {} }, { d: [null] }]);
    expect([Object.keys(message.headers!), Object.keys(message.headers!['b'] as object)]).toEqual([['b'], []]);
  });

  it('takes no prototype from headers and metadata', () => {
    const hostile = JSON.parse('{ "inner": { "__proto__": { "admin": true } }, "__proto__": { "admin": true } }') as object;
    const message = parseMessage({ ...valid, headers: hostile, metadata: hostile });
    for (const value of [message.metadata, message.metadata?.['inner'], message.headers?.['inner']]) {
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(value).not.toHaveProperty('admin');
    }
  });

  it('refuses headers that share parts until they are huge', () => {
    let shared: unknown = 'x';
    for (let level = 0; level < 28; level++) shared = [shared, shared];
    expect(refusal({ ...valid, headers: { shared } }).path).toBe('headers.shared');
  });

  it('fills in a version, a source and a payload that are missing', () => {
    expect(parseMessage({ id: 'a', type: 'a', timestamp: 0 })).toStrictEqual(valid);
    expect(parseMessage({ ...valid, version: null, source: null, payload: undefined })).toStrictEqual(valid);
  });

  it('takes null for a field that is missing', () => {
    const nothing = { target: null, correlationId: null, replyTo: null, ttl: null, priority: null, headers: null, metadata: null };
    expect(parseMessage({ ...valid, ...nothing })).toStrictEqual(valid);
    expect(parseMessage({ ...valid, metadata: { retryCount: null } })).toStrictEqual({ ...valid, metadata: {} });
  });

  it('omits unknown fields, except in the metadata', () => {
    const message = parseMessage({ ...valid, admin: true, metadata: { retryCount: 1, tenant: 'eu', trace: null } });
    expect(message).toStrictEqual({ ...valid, metadata: { retryCount: 1, tenant: 'eu', trace: null } });
  });

  it('passes the payload on, untouched', () => {
    const payload = { any: new Map() };
    expect(parseMessage({ ...valid, payload }).payload).toBe(payload);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('takes a header named %s for a header', (name) => {
    const hostile = JSON.parse(`{ "${name}": "x" }`) as object;
    const { headers: parsed } = parseMessage({ ...valid, headers: hostile });
    expect(Object.getPrototypeOf(parsed)).toBeNull();
    expect(Object.keys(parsed!)).toEqual([name]);
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, ' must be an object'],
    ['null', null, ' must be an object'],
    ['a string', '{}', ' must be an object'],
    ['an array', [], ' must be an object'],
    ['a function', () => valid, ' must be an object'],
    ['no id', { ...valid, id: undefined }, 'id must be a string of 1 to 256 characters'],
    ['a number as id', { ...valid, id: 1 }, 'id must be a string of 1 to 256 characters'],
    ['an empty id', { ...valid, id: '' }, 'id must be a string of 1 to 256 characters'],
    ['a long id', { ...valid, id: 'i'.repeat(257) }, 'id must be a string of 1 to 256 characters'],
    ['a String as id', { ...valid, id: new String('a') }, 'id must be a string of 1 to 256 characters'],
    ['no type', { ...valid, type: undefined }, 'type must be a string of 1 to 256 characters without control characters'],
    ['an empty type', { ...valid, type: '' }, 'type must be a string of 1 to 256'],
    ['a line after the type', { ...valid, type: 'a\n' }, 'type must be a string of 1 to 256'],
    ['a control character of C1 in the type', { ...valid, type: 'a\u0085' }, 'type must be a string of 1 to 256'],
    ['a long type', { ...valid, type: 't'.repeat(257) }, 'type must be a string of 1 to 256'],
    ['an array as type', { ...valid, type: ['a'] }, 'type must be a string of 1 to 256'],
    ['no timestamp', { ...valid, timestamp: null }, 'timestamp must be a number >= 0'],
    ['a text as timestamp', { ...valid, timestamp: '0' }, 'timestamp must be a number >= 0'],
    ['a time before 1970', { ...valid, timestamp: -1 }, 'timestamp must be a number >= 0'],
    ['NaN as timestamp', { ...valid, timestamp: NaN }, 'timestamp must be a number >= 0'],
    ['a BigInt as timestamp', { ...valid, timestamp: 1n }, 'timestamp must be a number >= 0'],
    ['no end of time', { ...valid, timestamp: Infinity }, 'timestamp must be a number >= 0'],
    ['an empty version', { ...valid, version: '' }, 'version must be a string of 1 to 256'],
    ['a version that is a number', { ...valid, version: 1 }, 'version must be a string of 1 to 256'],
    ['a source with a control character', { ...valid, source: 'a\u0000' }, 'source must be a string of at most 256 characters'],
    ['a source that is a number', { ...valid, source: 1 }, 'source must be a string of at most 256 characters'],
    ['a target with a line', { ...valid, target: 'a\r\nb' }, 'target must be a string of at most 256 characters'],
    ['a long replyTo', { ...valid, replyTo: 'a'.repeat(257) }, 'replyTo must be a string of at most 256 characters'],
    ['an empty correlationId', { ...valid, correlationId: '' }, 'correlationId must be a string of 1 to 256 characters'],
    ['a ttl below 0', { ...valid, ttl: -1 }, 'ttl must be a number >= 0'],
    ['a ttl without end', { ...valid, ttl: Infinity }, 'ttl must be a number >= 0'],
    ['priority 4', { ...valid, priority: 4 }, 'priority must be 0, 1, 2 or 3'],
    ['priority 0.5', { ...valid, priority: 0.5 }, 'priority must be 0, 1, 2 or 3'],
    ['a text as priority', { ...valid, priority: '1' }, 'priority must be 0, 1, 2 or 3'],
    ['headers that are a list', { ...valid, headers: ['a'] }, 'headers must be an object'],
    ['a header that is NaN', { ...valid, headers: { a: NaN } }, 'headers.a must be a JSON value'],
    ['a header that is a BigInt', { ...valid, headers: { a: 1n } }, 'headers.a must be a JSON value'],
    ['a header that is a Date', { ...valid, headers: { a: new Date(0) } }, 'headers.a must be a JSON value'],
    ['bytes in a header', { ...valid, headers: { a: [new Uint8Array(1)] } }, 'headers.a must be a JSON value'],
    ['a Map in the metadata', { ...valid, metadata: { a: new Map() } }, 'metadata.a must be a JSON value'],
    ['a function in the metadata', { ...valid, metadata: { a: () => 1 } }, 'metadata.a must be a JSON value'],
    ['headers of 33 levels', { ...valid, headers: deep(33) }, 'headers.a must be a JSON value of at most 32 levels'],
    ['a header with no name', { ...valid, headers: { '': 'a' } }, 'headers must have names of 1 to 256'],
    ['a header with a line in its name', { ...valid, headers: { 'a\r\nb': 'c' } }, 'headers must have names of 1 to 256'],
    ['33 headers', { ...valid, headers: headers(33, 20) }, 'headers must have at most 32 fields'],
    ['33 fields of metadata', { ...valid, metadata: headers(33, 20) }, 'metadata must have at most 32 fields'],
    ['a header above 8 KiB', { ...valid, headers: headers(1, 8_193) }, 'headers.h0__ must be at most 8192 bytes of JSON text'],
    ['headers above 16 KiB', { ...valid, headers: { ...headers(2, 8_192), a: 1 } }, 'headers must be at most 16384 bytes of JSON text'],
    ['metadata above 16 KiB', { ...valid, metadata: { ...headers(2, 8_192), a: 1 } }, 'metadata must be at most 16384 bytes of JSON text'],
    ['metadata that are a text', { ...valid, metadata: 'a' }, 'metadata must be an object'],
    ['a retryCount below 0', { ...valid, metadata: { retryCount: -1 } }, 'metadata.retryCount must be a number >= 0'],
    ['a maxRetries that is a text', { ...valid, metadata: { maxRetries: '1' } }, 'metadata.maxRetries must be a number >= 0'],
    ['a deliveryTag that is a number', { ...valid, metadata: { deliveryTag: 7 } }, 'metadata.deliveryTag must be a string of 1 to 256'],
    [
      'a routingKey that is a number',
      { ...valid, metadata: { routingKey: 1 } },
      'metadata.routingKey must be a string of 1 to 256 characters',
    ],
    ['a persistent that is 1', { ...valid, metadata: { persistent: 1 } }, 'metadata.persistent must be true or false'],
    ['a compressed that is a text', { ...valid, metadata: { compressed: 'no' } }, 'metadata.compressed must be true or false'],
    ['an encrypted that is an object', { ...valid, metadata: { encrypted: {} } }, 'metadata.encrypted must be true or false'],
  ])('refuses %s', (_, value, message) => {
    const { path, reason } = refusal(value);
    expect(`${path} ${reason}`).toContain(message);
  });

  it('says where it was', () => {
    expect(refusal(null, '[3]')).toMatchObject({ code: 'ERR_INVALID_MESSAGE', path: '[3]', reason: 'must be an object' });
    expect(refusal({ ...valid, id: 1 }, '[3]').path).toBe('[3].id');
    expect(refusal({ ...valid, headers: { a: NaN } }, '[3]').path).toBe('[3].headers.a');
    expect(refusal(null).path).toBe('');
  });

  it('reveals nothing of the invalid value', () => {
    const secret = 'secret words';
    for (const field of ['type', 'source', 'target', 'timestamp', 'headers'])
      expect(refusal({ ...valid, [field]: field === 'timestamp' || field === 'headers' ? secret : `${secret}\n` }).message).not.toContain(
        secret,
      );
    expect(refusal({ ...valid, headers: { [secret]: NaN } }).message).not.toContain(secret);
  });

  it('throws nothing but InvalidMessageError, whatever it is given, and pollutes no prototype', () => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withMap: true, withDate: true });
    const nearly = fc.record(
      Object.fromEntries(Object.keys(sample()).map((field) => [field, fc.oneof(fc.constant(sample()[field as 'id']), anything)])),
    );
    fc.assert(
      fc.property(fc.oneof(anything, nearly), (value) => {
        try {
          const message = parseMessage(value);
          expect(parseMessage(message)).toEqual(message);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidMessageError);
        }
      }),
      { numRuns: 5_000 },
    );
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  });
});
