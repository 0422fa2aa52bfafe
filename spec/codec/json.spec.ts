import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { DecodeError, EncodeError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { codecContract } from './contract.js';
import { sample } from './messages.js';
import { jsonPayload } from './payloads.js';

const MEBIBYTE = 1024 * 1024;
const LARGE = MEBIBYTE / 4;
const envelope = (payload: string): string => `{"id":"a","type":"a","timestamp":0,"version":"1.0","payload":${payload}}`;
const filled = (make: (index: number) => string, size: number): string =>
  Array.from({ length: Math.floor(LARGE / size) }, (_, index) => make(index)).join();
const payloadOf = (frame: string): unknown => json().decode(frame)[0]?.payload;
const sent = (payload: unknown): unknown => payloadOf(json().encode([createMessage('a', payload)]) as string);

describe('the error of a value that json() does not support', () => {
  it.each([
    ['Uint8Array', Buffer.from('tea')],
    ['Map', new Map()],
    ['Set', new Set()],
    ['a bigint of 64 bits', 1n],
    ['NaN', NaN],
    ['-Infinity', -Infinity],
  ])('names the codec that supports it: %s', (kind, value) => {
    const encode = (): unknown => json().encode([createMessage('file.added', { value })]);
    expect(encode).toThrow(`. The codec msgpack() supports ${kind} (see `);
    expect(() => msgpack().encode([createMessage('file.added', { value })])).not.toThrow();
  });

  it.each([() => 1, /a/, new Float64Array(1), new Date(NaN), new Error('boom')])(
    'names none for a value that no codec supports',
    (value) => {
      const encode = (): unknown => json().encode([createMessage('file.added', { value })]);
      expect(encode).toThrow(/cannot carry \[0\]\.payload\.value: \S+ \(see /);
    },
  );
});

describe('json', () => {
  codecContract(json, {
    payload: jsonPayload,
    hostile: {
      'no text': () => '',
      'no JSON': () => '{"id":',
      'two values': () => `${envelope('1')}${envelope('2')}`,
      bytes: () => new Uint8Array([0x90]),
      'the 33rd level': () => envelope('['.repeat(33) + ']'.repeat(33)),
      'a number out of range': () => envelope('[1e999]'),
      'more messages than fit in a batch': () => `[${filled(() => '{}', 3)}]`,
      'a mebibyte of opening brackets': () => '['.repeat(MEBIBYTE),
      'a mebibyte of levels': () => envelope('['.repeat(MEBIBYTE / 2) + ']'.repeat(MEBIBYTE / 2)),
    },
    foreign: {
      'a number': () => '1',
      'a batch in a batch': () => `[[${envelope('1')}]]`,
      'an envelope without an id': () => '{"type":"a","timestamp":0,"version":"1.0"}',
    },
    heavy: {
      '256 KiB of empty objects': () => envelope(`[${filled(() => '{}', 3)}]`),
      '256 KiB of empty arrays and a __proto__': () => envelope(`[{"__proto__":1},${filled(() => '[]', 3)}]`),
      '256 KiB of keys': () => envelope(`{${filled((index) => `"${index.toString(36)}":0`, 8)}}`),
      '256 KiB of objects of different shapes': () => envelope(`[${filled((index) => `{"${index.toString(36)}":0}`, 10)}]`),
      '256 KiB of escapes': () => envelope(`"${'\\u005f'.repeat(LARGE / 6)}"`),
    },
  });

  it('sends a batch of one as an envelope, and more as an array', () => {
    expect(JSON.parse(json().encode([sample()]) as string)).toEqual(sample());
    expect(JSON.parse(json().encode([sample(), sample()]) as string)).toEqual([sample(), sample()]);
  });

  it('reads an array of one', () => {
    expect(json().decode(`[${envelope('1')}]`)).toHaveLength(1);
  });

  it('carries dates as text, and undefined as null or not at all', () => {
    expect(sent({ date: new Date(0), list: [undefined], gone: undefined })).toStrictEqual({
      date: '1970-01-01T00:00:00.000Z',
      list: [null],
    });
  });

  it('carries lone surrogates', () => {
    expect(sent('a\ud800')).toBe('a\ud800');
  });

  it.each([NaN, Infinity, -Infinity])('refuses %p, which would become null', (value) => {
    expect(() => sent({ value })).toThrow(new EncodeError('json', `cannot carry [0].payload.value: ${value}`));
  });

  it.each([
    ['bytes', new Uint8Array(1)],
    ['a Buffer', Buffer.alloc(1)],
    ['a BigInt', 1n],
  ])('refuses %s', (_, value) => {
    expect(() => sent({ value })).toThrow(EncodeError);
  });

  it.each([
    ['a string with brackets', `"${'['.repeat(100)}"`],
    ['a quoted quote', `"\\"${'{'.repeat(100)}"`],
    ['32 levels of it all', `${'[{"a":'.repeat(16)}"\\\\"${'}]'.repeat(16)}`],
  ])('is not taken in by %s', (_, payload) => {
    expect(payloadOf(envelope(payload))).toEqual(JSON.parse(payload));
  });

  it.each(['__proto__', '\\u005f_proto__', '__pr\\u006Fto__', '\\u005F\\u005f\\u0070\\u0072\\u006f\\u0074\\u006f\\u005f\\u005f'])(
    'removes a key spelled %s',
    (key) => {
      const payload = payloadOf(envelope(`{"a":[{"${key}":{"admin":true},"b":1}]}`));
      expect(payload).toStrictEqual({ a: [{ b: 1 }] });
      expect(Object.assign({}, (payload as { a: object[] }).a[0])).not.toHaveProperty('admin');
    },
  );

  it('keeps other escapes, and __proto__ as a value', () => {
    expect(payloadOf(envelope('["__proto__", "\\u0041\\u005f\\u001b"]'))).toEqual(['__proto__', 'A_\u001b']);
  });

  it('drops a polluted envelope with its pollution', () => {
    const [message] = json().decode(
      '{"id":"a","type":"a","timestamp":0,"version":"1.0","__proto__":{"ttl":5},"constructor":{"prototype":{"ttl":5}}}',
    );
    expect(message).toStrictEqual({ id: 'a', type: 'a', timestamp: 0, version: '1.0', source: '', payload: null });
  });

  it('names the parser error as the cause', () => {
    expect(thrownBy(() => json().decode('{'))).toMatchObject({ code: 'ERR_DECODE', codec: 'json', cause: expect.any(SyntaxError) });
  });

  it('shows nothing in its errors that is not a name', () => {
    const key = 'line\\nbreak';
    const frame = envelope(`{"ok":{"${key}":${'['.repeat(40)}${']'.repeat(40)}}}`);
    expect(thrownBy(() => json().decode(frame))).toEqual(
      new DecodeError('json', `cannot carry [0].payload.ok.?${'[0]'.repeat(30)}: more than 32 levels`),
    );
  });

  it('calls a circular payload circular, and a deep one deep', () => {
    const self: Record<string, unknown> = {};
    self['self'] = [self];
    const reason = (payload: unknown): unknown => {
      try {
        return sent(payload);
      } catch (error) {
        return (error as EncodeError).reason;
      }
    };
    const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 1);
    expect(reason(self)).toMatch(/: more than 32 levels, it is circular$/);
    expect(reason(deep)).toMatch(/: more than 32 levels$/);
  });
});

function thrownBy(run: () => readonly Message[]): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
