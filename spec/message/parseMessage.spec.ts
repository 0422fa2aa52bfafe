import fc from 'fast-check';
import { InvalidMessageError } from '../../lib/errors.js';
import { parseMessage } from '../../lib/message/parseMessage.js';
import { messages, sample } from '../codec/messages.js';

const valid = { id: 'a', type: 'a', timestamp: 0, version: 1, source: '', payload: null };
const headers = (count: number, size: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`.padEnd(4, '_'), 'x'.repeat(size - 4)]));

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

  it('passes what is at the limits', () => {
    const limits = {
      id: 'i'.repeat(256),
      type: 't'.repeat(128),
      target: 'A-z_0.9:/',
      version: Number.MAX_SAFE_INTEGER,
      ttl: Number.MIN_VALUE,
    };
    const message = { ...valid, ...limits, headers: headers(32, 128) };
    expect(parseMessage(message)).toEqual(message);
  });

  it('fills in a source and a payload that are missing', () => {
    expect(parseMessage({ id: 'a', type: 'a', timestamp: 0, version: 1 })).toStrictEqual(valid);
    expect(parseMessage({ ...valid, source: null, payload: undefined })).toStrictEqual(valid);
  });

  it('takes null for a field that is missing', () => {
    const nothing = { target: null, correlationId: null, replyTo: null, ttl: null, priority: null, headers: null, metadata: null };
    expect(parseMessage({ ...valid, ...nothing })).toStrictEqual(valid);
    expect(parseMessage({ ...valid, metadata: { retryCount: null } })).toStrictEqual({ ...valid, metadata: {} });
  });

  it('leaves out what it does not know', () => {
    const message = parseMessage({ ...valid, admin: true, metadata: { retryCount: 1, admin: true } });
    expect(message).toStrictEqual({ ...valid, metadata: { retryCount: 1 } });
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
    ['no type', { ...valid, type: undefined }, 'type must be a string that matches'],
    ['an empty type', { ...valid, type: '' }, 'type must be a string that matches'],
    ['a space in the type', { ...valid, type: 'a b' }, 'type must be a string that matches'],
    ['a line after the type', { ...valid, type: 'a\n' }, 'type must be a string that matches'],
    ['a long type', { ...valid, type: 't'.repeat(129) }, 'type must be a string that matches'],
    ['an array as type', { ...valid, type: ['a'] }, 'type must be a string that matches'],
    ['no timestamp', { ...valid, timestamp: null }, 'timestamp must be a number >= 0'],
    ['a text as timestamp', { ...valid, timestamp: '0' }, 'timestamp must be a number >= 0'],
    ['a time before 1970', { ...valid, timestamp: -1 }, 'timestamp must be a number >= 0'],
    ['NaN as timestamp', { ...valid, timestamp: NaN }, 'timestamp must be a number >= 0'],
    ['a BigInt as timestamp', { ...valid, timestamp: 1n }, 'timestamp must be a number >= 0'],
    ['no end of time', { ...valid, timestamp: Infinity }, 'timestamp must be a number >= 0'],
    ['no version', { ...valid, version: undefined }, 'version must be a whole number > 0'],
    ['version 0', { ...valid, version: 0 }, 'version must be a whole number > 0'],
    ['version 1.5', { ...valid, version: 1.5 }, 'version must be a whole number > 0'],
    ['a source that is no name', { ...valid, source: 'a b' }, 'source must be a string that matches'],
    ['a target that is no name', { ...valid, target: '' }, 'target must be a string that matches'],
    ['a replyTo that is no name', { ...valid, replyTo: '<a>' }, 'replyTo must be a string that matches'],
    ['an empty correlationId', { ...valid, correlationId: '' }, 'correlationId must be a string of 1 to 256 characters'],
    ['a ttl of 0', { ...valid, ttl: 0 }, 'ttl must be a number > 0'],
    ['a ttl without end', { ...valid, ttl: Infinity }, 'ttl must be a number > 0'],
    ['priority 4', { ...valid, priority: 4 }, 'priority must be 0, 1, 2 or 3'],
    ['priority 0.5', { ...valid, priority: 0.5 }, 'priority must be 0, 1, 2 or 3'],
    ['a text as priority', { ...valid, priority: '1' }, 'priority must be 0, 1, 2 or 3'],
    ['headers that are a list', { ...valid, headers: ['a'] }, 'headers must be an object'],
    ['a header that is a number', { ...valid, headers: { a: 1 } }, 'headers.a must be a string'],
    ['a header that is null', { ...valid, headers: { a: null } }, 'headers.a must be a string'],
    ['a header with no name', { ...valid, headers: { '': 'a' } }, 'headers must have names that match'],
    ['a header with a line in its name', { ...valid, headers: { 'a\r\nb': 'c' } }, 'headers must have names that match'],
    ['33 headers', { ...valid, headers: headers(33, 8) }, 'headers must be 32 at most'],
    [
      '4,097 characters of headers',
      { ...valid, headers: { ...headers(32, 128), h0__: 'x'.repeat(125) } },
      'headers must be 4096 characters at most, names included',
    ],
    ['metadata that are a text', { ...valid, metadata: 'a' }, 'metadata must be an object'],
    ['a retryCount below 0', { ...valid, metadata: { retryCount: -1 } }, 'metadata.retryCount must be a number >= 0'],
    ['a maxRetries that is a text', { ...valid, metadata: { maxRetries: '1' } }, 'metadata.maxRetries must be a number >= 0'],
    ['a deliveryTag that is NaN', { ...valid, metadata: { deliveryTag: NaN } }, 'metadata.deliveryTag must be a number >= 0'],
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
    expect(refusal({ ...valid, headers: { a: 1 } }, '[3]').path).toBe('[3].headers.a');
    expect(refusal(null).path).toBe('');
  });

  it('shows nothing of what was wrong', () => {
    const secret = 'secret words';
    for (const field of ['type', 'source', 'target', 'timestamp', 'headers'])
      expect(refusal({ ...valid, [field]: secret }).message).not.toContain(secret);
    expect(refusal({ ...valid, headers: { [secret]: 'a' } }).message).not.toContain(secret);
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
