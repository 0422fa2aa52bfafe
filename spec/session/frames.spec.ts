import fc from 'fast-check';
import { ProtocolError } from '../../lib/errors.js';
import { batchFrame, controlFrame, MAX_BATCH, readFrame } from '../../lib/session/frames.js';
import { parseHello, parseWelcome, PROTOCOL_VERSION, type Hello, type Welcome } from '../../lib/session/handshake.js';

const secret = 'x'.repeat(22);
const hello: Hello = {
  v: PROTOCOL_VERSION,
  pid: secret,
  epoch: 1,
  n: 1,
  sid: secret,
  rt: secret,
  rx: 0,
  window: 1_024,
  bytes: 1_048_576,
  codecs: ['json'],
  id: 'me',
  delivery: 'exactly-once',
};
const welcome: Welcome = {
  n: 1,
  sid: secret,
  rt: secret,
  rx: 0,
  known: true,
  resumed: false,
  window: 1,
  bytes: 1,
  ping: 1,
  codec: 'json',
  id: 'server',
};

const number = fc.nat({ max: 2 ** 40 });
const count = fc.integer({ min: 1, max: MAX_BATCH });

/** Reads a frame, and what each side has of its own. */
function read(raw: string): unknown {
  const frame = readFrame(raw);
  if (frame.kind === 'hello') return parseHello(frame.value);
  return frame.kind === 'welcome' ? parseWelcome(frame.value) : frame;
}

describe('frames', () => {
  it('reads the batches it has written, as text and as bytes', () => {
    const body = fc.oneof(fc.json(), fc.uint8Array());
    fc.assert(
      fc.property(number, count, body, (first, length, content) => {
        expect(readFrame(batchFrame(first, length, content))).toEqual({ kind: 'msg', first, count: length, body: content });
      }),
    );
  });

  it('has a header of eleven bytes', () => {
    const frame = batchFrame(2 ** 32 + 2, 3, new Uint8Array([9]));
    expect([...(frame as Uint8Array)]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 3, 9]);
  });

  it('reads bytes in the middle of other bytes', () => {
    const frame = batchFrame(5, 1, new Uint8Array([9])) as Uint8Array;
    const around = new Uint8Array([...frame.map(() => 255), ...frame, 255]);
    expect(readFrame(around.subarray(frame.length, 2 * frame.length))).toEqual({
      kind: 'msg',
      first: 5,
      count: 1,
      body: new Uint8Array([9]),
    });
  });

  it('can be read by people', () => {
    expect(batchFrame(7, 1, '{"id":"a"}')).toBe('["msg",7,1,{"id":"a"}]');
    expect(controlFrame('ack', 7, 1_024)).toBe('["ack",7,1024]');
  });

  it.each([
    [controlFrame('ack', 7, 1_024), { kind: 'ack', done: 7, credit: 1_024 }],
    [controlFrame('ping', 7), { kind: 'ping', sent: 7 }],
    [controlFrame('skip', [7, 9]), { kind: 'skip', numbers: [7, 9] }],
    [controlFrame('hello', hello), { kind: 'hello', value: hello }],
    [controlFrame('welcome', welcome), { kind: 'welcome', value: welcome }],
  ])('reads %s', (frame, expected) => {
    expect(readFrame(frame)).toEqual(expected);
  });

  it.each([
    ['', 'nothing'],
    ['null', 'null'],
    ['{"kind":"ack"}', 'an object'],
    ['["ack",1', 'half a frame'],
    ['["ack",-1,1]', 'a negative number'],
    ['["ack",1.5,1]', 'a fraction'],
    ['["ack",1e300,1]', 'a number past all numbers'],
    ['["ack","1",1]', 'a number that is text'],
    ['["ack",1]', 'an ack without credit'],
    ['["skip",7]', 'a skip without a list'],
    [`["skip",[${Array.from({ length: MAX_BATCH + 1 }, () => 1).join()}]]`, 'a skip of too many'],
    ['["msg",1,0,[]]', 'a batch of nothing'],
    [`["msg",1,${MAX_BATCH + 1},[]]`, 'a batch of too many'],
    ['["msg",4503599627370497,1,[]]', 'a batch past all numbers'],
    ['["msg",1,1,{}', 'a batch that does not end'],
    ['["__proto__",1]', 'an unknown kind'],
    ['["hello"]', 'a hello without fields'],
    ['["welcome",[]]', 'a welcome without fields'],
  ])('refuses %s: %s', (frame) => {
    expect(() => read(frame)).toThrow(ProtocolError);
  });

  it.each<[keyof Hello, unknown]>([
    ['v', 2],
    ['pid', 'short'],
    ['pid', 'x'.repeat(129)],
    ['pid', `${secret} `],
    ['epoch', 0],
    ['n', 1.5],
    ['sid', 1],
    ['rt', ''],
    ['rx', -1],
    ['window', 0],
    ['bytes', '1'],
    ['codecs', 'json'],
    ['codecs', Array.from({ length: 17 }, () => 'json')],
    ['codecs', [1]],
    ['id', 'no name'],
    ['delivery', 'twice'],
    ['token', 1],
    ['token', 'x'.repeat(8_193)],
  ])('refuses a hello whose %s is %p', (field, value) => {
    expect(() => parseHello({ ...hello, [field]: value })).toThrow(ProtocolError);
  });

  it.each<[keyof Welcome, unknown]>([
    ['n', 0],
    ['sid', undefined],
    ['rt', 'x'],
    ['rx', 2 ** 53],
    ['window', 0],
    ['bytes', null],
    ['ping', 0],
    ['ping', 2 ** 31],
    ['expires', -1],
    ['expires', '1'],
    ['codec', 1],
    ['id', ''],
  ])('refuses a welcome whose %s is %p', (field, value) => {
    expect(() => parseWelcome({ ...welcome, [field]: value })).toThrow(ProtocolError);
  });

  it('refuses bytes that are too short, or of another kind', () => {
    expect(() => readFrame(new Uint8Array(10))).toThrow(ProtocolError);
    expect(() => readFrame(new Uint8Array(12))).toThrow(ProtocolError);
  });

  it('reads a frame or refuses it, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array()), (frame) => {
        try {
          expect(readFrame(frame)).toHaveProperty('kind');
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
