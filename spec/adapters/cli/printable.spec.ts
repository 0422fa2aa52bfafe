import { Readable } from 'node:stream';
import { ConnectionLostError, DrainTimeoutError, ReconnectGivenUpError, ReplyError, WireClosedError } from '../../../lib/index.js';
import { checked, exitCodeOf, signalCode, UsageError } from '../../../lib/adapters/cli/commandContext.js';
import { percentiles, jsonLine, messageText, timeOfDay } from '../../../lib/adapters/cli/printable.js';
import { readMessages } from '../../../lib/adapters/cli/sendCommand.js';

describe('jsonLine', () => {
  it('is JSON that has the same value, in one line', () => {
    const value = { text: 'a\n\u009b\u2028"', list: [1, null, { b: true }] };
    expect(JSON.parse(jsonLine(value))).toEqual(value);
    expect(jsonLine(value)).toMatch(/^[\x20-\x7e]*$/);
  });

  it('writes values that JSON does not have', () => {
    const value = { bytes: new Uint8Array([255]), big: 1n, map: new Map([['a', 1]]), set: new Set([2]), none: undefined };
    expect(jsonLine(value)).toBe('{"bytes":{"base64":"/w=="},"big":"1","map":[["a",1]],"set":[2]}');
    expect(jsonLine(undefined)).toBe('null');
  });
});

describe('exitCodeOf', () => {
  it.each<[unknown, number]>([
    [new UsageError('x'), 2],
    [new ConnectionLostError(1006, 'x'), 3],
    [new ConnectionLostError(4403, 'x'), 1],
    [new ReconnectGivenUpError(3, new Error('x')), 3],
    [new DrainTimeoutError({ count: 1, ids: ['a'], kept: 0 }, 5), 3],
    [new WireClosedError('a', new ConnectionLostError(1006, 'x')), 3],
    [new WireClosedError('a'), 1],
    [new ReplyError('ERR_X', 'x'), 1],
    ['anything else', 1],
  ])('%s: %d', (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });

  it('is 128 and the number of a signal', () => {
    expect([signalCode('SIGINT'), signalCode('SIGTERM')]).toEqual([130, 143]);
  });

  it('takes a wrong argument for wrong usage, and nothing else', () => {
    const throwing = (error: Error) => () =>
      checked(() => {
        throw error;
      });
    expect(throwing(new RangeError('x'))).toThrow(UsageError);
    expect(throwing(new TypeError('x'))).toThrow(UsageError);
    expect(throwing(new ReplyError('ERR_X', 'x'))).toThrow(ReplyError);
  });
});

describe('percentiles', () => {
  it('sorts, and takes the nearest rank', () => {
    expect(percentiles([3, 1, 2, 4.004])).toEqual({ min: 1, p50: 2, p95: 4, p99: 4, max: 4 });
    expect(percentiles([7])).toEqual({ min: 7, p50: 7, p95: 7, p99: 7, max: 7 });
  });
});

describe('timeOfDay', () => {
  it('has hours, minutes, seconds and ms, or what is no time', () => {
    expect(timeOfDay(new Date(2026, 0, 2, 3, 4, 5, 6).getTime())).toBe('03:04:05.006');
    expect([1e300, 8.64e15].map(timeOfDay)).toEqual(['1e+300', expect.any(String)]);
  });
});

describe('messageText', () => {
  it('has no characters of the sender that a terminal acts on', () => {
    const message = { id: 'a', timestamp: 0, version: '1.0', type: 't\u009b', source: 's\u202e', payload: 'p\u001b' };
    expect(messageText(message, (_, text) => text)).toMatch(/ {2}t\\u009b {2}s\\u202e {2}p\\u001b$/);
  });
});

describe('readMessages', () => {
  const read = async (chunks: readonly string[], text = true): Promise<unknown[]> => {
    const payloads: unknown[] = [];
    for await (const { payload } of readMessages(Readable.from(chunks), { type: 't', text })) payloads.push(payload);
    return payloads;
  };

  it('joins the parts of a line, and takes the last line without an end', async () => {
    expect(await read(['a', 'b\r\nc', '\n\nd'])).toEqual(['ab', 'c', '', 'd']);
  });

  it('refuses a line that is too long', async () => {
    const part = 'x'.repeat(1_048_576);
    await expect(read(Array.from({ length: 17 }, () => part))).rejects.toThrow(UsageError);
  });

  it('ends when the stream is destroyed, without an error', async () => {
    const stream = new Readable({ read: () => undefined });
    const next = readMessages(stream, { type: 't', text: true }).next();
    stream.destroy();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});
