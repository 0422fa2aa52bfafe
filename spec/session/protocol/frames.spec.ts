import fc from 'fast-check';
import { ProtocolError } from '../../../lib/errors.js';
import type { Frame } from '../../../lib/link/link.js';
import { ackFrame, batchFrame, controlFrame, MAX_BATCH, readFrame, WAIT_UNIT, withAck } from '../../../lib/session/protocol/frames.js';
import { parseHello, parseWelcome, PROTOCOL_VERSION, type Hello, type Welcome } from '../../../lib/session/protocol/handshake.js';
import { DEFAULT_LIMITS } from '../../../lib/session/protocol/receiveLimits.js';

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
const body = fc.oneof(fc.json(), fc.uint8Array());

/** Reads a frame, and what each side has of its own. */
function read(raw: string): unknown {
  const frame = readFrame(raw);
  if (frame.kind === 'hello') return parseHello(frame.value);
  return frame.kind === 'welcome' ? parseWelcome(frame.value) : frame;
}

describe('frames', () => {
  it('reads the batches it has written, as text and as bytes', () => {
    fc.assert(
      fc.property(number, count, body, (first, length, content) => {
        expect(readFrame(batchFrame(first, length, content))).toEqual({ kind: 'msg', first, count: length, body: content, wait: 0 });
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
      wait: 0,
    });
  });

  it('can be read by people', () => {
    expect(batchFrame(7, 1, '{"id":"a"}')).toBe('["msg",7,1,{"id":"a"}]');
    expect(controlFrame('ack', 7, 1_024)).toBe('["ack",7,1024]');
    expect(ackFrame(7, 1_024)).toBe('["ack",7,1024]');
    expect(ackFrame(7, 1_024, 25)).toBe('["ack",7,1024,25]');
    expect(withAck('["msg",7,1,{"id":"a"}]', 3, 1_024, 40, 25)).toBe('["ackmsg",3,1024,2,25,7,1,{"id":"a"}]');
  });

  it.each([
    [controlFrame('ack', 7, 1_024), { kind: 'ack', done: 7, credit: 1_024, delay: 0 }],
    [controlFrame('ack', 7, 1_024, 25), { kind: 'ack', done: 7, credit: 1_024, delay: 25 }],
    ['["ack", 7, 1024]', { kind: 'ack', done: 7, credit: 1_024, delay: 0 }],
    ['["ack", 7, 1024, 25]', { kind: 'ack', done: 7, credit: 1_024, delay: 25 }],
    ['["ack",7,1024,-1]', { kind: 'ack', done: 7, credit: 1_024, delay: 0 }],
    ['["ack",7,1024,"25"]', { kind: 'ack', done: 7, credit: 1_024, delay: 0 }],
    ['["ack",7,1024,null]', { kind: 'ack', done: 7, credit: 1_024, delay: 0 }],
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
    ['window', -1],
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

  it('reads of a handshake whether acks may wait: only when that is true', () => {
    const [yes, no] = [{ lazyAcks: true }, { lazyAcks: 'yes' }];
    expect(parseHello({ ...hello, ...yes })).toEqual({ ...hello, ...yes });
    expect(parseWelcome({ ...welcome, ...yes })).toEqual({ ...welcome, ...yes });
    expect([parseHello({ ...hello, ...no }), parseWelcome({ ...welcome, ...no })]).toEqual([hello, welcome]);
  });

  it('reads the limits of a handshake, with defaults for missing ones', () => {
    const own = { maxFrame: 5, maxNodes: 7, maxBatch: 10, other: 'x' };
    const limits = { ...DEFAULT_LIMITS, maxFrame: 5, maxNodes: 7, maxBatch: 10 };
    expect(parseHello({ ...hello, limits: own })).toEqual({ ...hello, limits });
    expect(parseWelcome({ ...welcome, limits: own })).toEqual({ ...welcome, limits });
    expect(parseHello({ ...hello, limits: { maxBatch: 300 } })).toEqual({ ...hello, limits: DEFAULT_LIMITS });
    for (const wrong of [1, 'x', { maxFrame: 0 }, { maxNodes: -1 }, { maxDepth: 0.5 }, { maxBatch: '1' }, { maxSize: [] }]) {
      expect(() => parseHello({ ...hello, limits: wrong })).toThrow(ProtocolError);
      expect(() => parseWelcome({ ...welcome, limits: wrong })).toThrow(ProtocolError);
    }
  });

  it('refuses bytes that are too short, or of another kind', () => {
    expect(() => readFrame(new Uint8Array(10))).toThrow(ProtocolError);
    expect(() => readFrame(new Uint8Array(12))).toThrow(ProtocolError);
    expect(() => readFrame(new Uint8Array(40).fill(3))).toThrow(ProtocolError);
  });

  it('reads a frame or refuses it, whatever it is', () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    const carrying = fc.oneof(
      bytes.map((rest) => Uint8Array.of(2, ...rest)),
      fc.json().map((rest) => `["ackmsg",${rest}]`),
    );
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array(), carrying), (frame) => {
        try {
          expect(readFrame(frame)).toHaveProperty('kind');
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});

describe('the memory of batch frames', () => {
  const made = (length: number): Uint8Array => batchFrame(1, 1, new Uint8Array(length)) as Uint8Array;
  const bufferOf = (length: number): ArrayBufferLike => made(length).buffer;

  it('is shared by small frames, also when large frames are made between them', () => {
    const buffers = new Set<ArrayBufferLike>();
    for (let count = 0; count < 100; count++) {
      bufferOf(9_000);
      buffers.add(bufferOf(20));
    }
    // 100 frames of 47 bytes, with the room for an ack, need 4,700 of 8,192 bytes. The first may use the rest of a buffer.
    expect(buffers.size).toBeLessThanOrEqual(2);
  });

  it('is of its own for a large frame, with nothing but the room for an ack', () => {
    const frame = made(9_000);
    expect([frame.byteOffset, frame.buffer.byteLength]).toEqual([16, 16 + 11 + 9_000]);
  });
});

describe('ackFrame', () => {
  it('is read as it was written; a delay is at most 65,535 ms', () => {
    fc.assert(
      fc.property(number, number, fc.nat({ max: 100_000 }), (done, credit, delay) => {
        expect(readFrame(ackFrame(done, credit, delay))).toEqual({ kind: 'ack', done, credit, delay: Math.min(delay, 65_535) });
      }),
    );
  });
});

describe('withAck', () => {
  /** What is written before a batch: an ack, and how long the ack of the batch may wait, in ms. */
  const header = fc.record({
    done: number,
    credit: fc.nat({ max: 2 ** 32 - 1 }),
    wait: fc.oneof(fc.constant(0), fc.nat({ max: 2 * WAIT_UNIT }), fc.nat({ max: 10_000 })),
    delay: fc.nat({ max: 100_000 }),
  });
  const unitsOf = (wait: number): number => (wait === 0 ? 0 : Math.min(255, Math.max(1, Math.floor(wait / WAIT_UNIT))));
  const copyOf = (frame: Frame): Frame => (typeof frame === 'string' ? frame : frame.slice());
  const bytesOf = (...body: readonly number[]): Uint8Array => batchFrame(5, 1, Uint8Array.from(body)) as Uint8Array;

  it('carries an ack before a batch, as text and as bytes', () => {
    fc.assert(
      fc.property(number, count, body, header, (first, length, content, { done, credit, wait, delay }) => {
        const ack = { kind: 'ack', done, credit, delay: Math.min(delay, 65_535) };
        expect(readFrame(withAck(batchFrame(first, length, content), done, credit, wait, delay))).toEqual({
          ...{ kind: 'msg', first, count: length, body: content },
          ...{ ack, wait: unitsOf(wait) },
        });
      }),
    );
  });

  it.each([
    [0, 0],
    [1, 1],
    [19, 1],
    [39, 1],
    [40, 2],
    [5_100, 255],
    [60_000, 255],
    [Infinity, 255],
  ])('writes a wait of %d ms as %d units', (wait, units) => {
    for (const frame of [batchFrame(1, 1, '{}'), bytesOf(9)])
      expect(readFrame(withAck(frame, 0, 1, wait, 0))).toMatchObject({ wait: units });
  });

  it('contains the batch after the ack, byte for byte, and does not change the stored frame', () => {
    fc.assert(
      fc.property(number, count, body, header, (first, length, content, { done, credit, wait, delay }) => {
        const frame = batchFrame(first, length, content);
        const before = copyOf(frame);
        for (const again of [0, 1]) {
          const carrying = withAck(frame, done + again, credit, wait, delay);
          // Text has the kind of the frame before the fields of the batch, and bytes have all of the batch behind the ack.
          const batch = before.slice(typeof before === 'string' ? '["msg",'.length : 0);
          expect(carrying.slice(-batch.length)).toEqual(batch);
          expect(frame).toEqual(before);
          expect(readFrame(frame)).toEqual({ kind: 'msg', first, count: length, body: content, wait: 0 });
        }
      }),
    );
  });

  it('has a header of sixteen bytes before bytes', () => {
    const frame = withAck(bytesOf(9), 2 ** 32 + 2, 258, 3 * WAIT_UNIT, 259);
    expect([...(frame as Uint8Array)]).toEqual([2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 2, 3, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 9]);
  });

  it('carries a frame without room before it, such as a copy from a store', () => {
    fc.assert(
      fc.property(number, count, fc.uint8Array(), header, (first, length, content, { done, credit, wait, delay }) => {
        const frame = batchFrame(first, length, content);
        const copy = copyOf(frame);
        const carrying = withAck(copy, done, credit, wait, delay);
        expect(carrying).toEqual(withAck(frame, done, credit, wait, delay));
        expect(copy).toEqual(frame);
      }),
    );
  });

  it.each([0, 1, 16, 17])('writes nothing to memory around a frame that was read from it, %d bytes from its beginning', (before) => {
    const frame = bytesOf(9, 8);
    const memory = new Uint8Array(before + frame.length + 3).fill(255);
    memory.set(frame, before);
    const all = memory.slice();
    const carrying = withAck(memory.subarray(before, before + frame.length), 3, 1_024, 20, 0);
    expect(memory).toEqual(all);
    expect(readFrame(carrying)).toMatchObject({ first: 5, body: Uint8Array.of(9, 8), ack: { done: 3 } });
  });

  it('writes nothing to the frames before and behind in the same memory', () => {
    const frames = Array.from({ length: 400 }, (_, n) => bytesOf(n));
    const before = Buffer.concat(frames);
    // 400 frames of 28 bytes need more than one buffer: the first and last frame of a buffer are among them.
    expect(new Set(frames.map(({ buffer }) => buffer)).size).toBeGreaterThan(1);
    frames.forEach((frame, n) => {
      expect(readFrame(withAck(frame, 2 ** 40, 2 ** 32 - 1, 60_000, 65_535))).toMatchObject({
        body: Uint8Array.of(n),
        ack: { done: 2 ** 40 },
      });
      expect(Buffer.concat(frames).equals(before)).toBe(true);
    });
  });

  it('copies a frame of other memory that begins where a frame of batchFrame does', () => {
    const [first, second] = [bytesOf(9), bytesOf(8)];
    for (const { byteOffset, length } of [first, second]) {
      const memory = new Uint8Array(byteOffset + length).fill(255);
      memory.set(second, byteOffset);
      const all = memory.slice();
      const carrying = withAck(memory.subarray(byteOffset), 3, 1_024, 20, 0) as Uint8Array;
      expect([memory, carrying.buffer === memory.buffer]).toEqual([all, false]);
      expect(readFrame(carrying)).toMatchObject({ body: Uint8Array.of(8), ack: { done: 3 } });
    }
  });

  it('is read in the middle of other bytes', () => {
    const carrying = withAck(bytesOf(9), 3, 1_024, 20, 7) as Uint8Array;
    const around = new Uint8Array([...carrying.map(() => 255), ...carrying, 255]);
    expect(readFrame(around.subarray(carrying.length, 2 * carrying.length))).toEqual(readFrame(carrying));
  });

  it('is refused when it is cut off before the body', () => {
    const carrying = withAck(bytesOf(9), 3, 1_024, 20, 0) as Uint8Array;
    const room = 16 + 11;
    for (let length = 1; length < room; length++) expect(() => readFrame(carrying.subarray(0, length))).toThrow(ProtocolError);
    expect(readFrame(carrying.subarray(0, room))).toMatchObject({ kind: 'msg', body: new Uint8Array() });
  });

  it.each<[what: string, at: number, values: readonly number[]]>([
    ['an ack past all numbers', 1, [0, 16, 0, 0, 0, 0, 0, 1]],
    ['an ack of only ones', 1, [255, 255, 255, 255, 255, 255, 255, 255]],
    ['no batch', 16, [0]],
    ['another frame that carries an ack', 16, [2]],
    ['a batch past all numbers', 17, [255]],
    ['a batch of nothing', 25, [0, 0]],
    ['a batch of too many', 25, [1, 1]],
  ])('is refused as bytes with %s', (_, at, values) => {
    const carrying = withAck(bytesOf(9), 3, 1_024, 20, 0) as Uint8Array;
    carrying.set(values, at);
    expect(() => readFrame(carrying)).toThrow(ProtocolError);
  });

  it.each([
    ['["ackmsg",4503599627370497,1,0,0,1,1,{}]', 'an ack past all numbers'],
    ['["ackmsg",0,4503599627370497,0,0,1,1,{}]', 'a credit past all numbers'],
    ['["ackmsg",0,1,256,0,1,1,{}]', 'a wait that is too long'],
    ['["ackmsg",0,1,0,0,4503599627370497,1,{}]', 'a batch past all numbers'],
    ['["ackmsg",0,1,0,0,1,0,[]]', 'a batch of nothing'],
    [`["ackmsg",0,1,0,0,1,${MAX_BATCH + 1},[]]`, 'a batch of too many'],
    ['["ackmsg",-1,1,0,0,1,1,{}]', 'a negative ack'],
    ['["ackmsg",0,1.5,0,0,1,1,{}]', 'a fraction'],
    ['["ackmsg",0,1,-1,0,1,1,{}]', 'a negative wait'],
    ['["ackmsg",0,1,0,-1,1,1,{}]', 'a negative delay'],
    ['["ackmsg",0,1,0,0.5,1,1,{}]', 'a delay that is a fraction'],
    ['["ackmsg","0",1,0,0,1,1,{}]', 'a number that is text'],
    ['["ackmsg",0,1,0,1,1,{}]', 'a field too few'],
    ['["ackmsg",0,1,0,0,1,1,{}', 'no end'],
    ['["ackmsg",0,1]', 'no batch'],
  ])('is refused as %s: %s', (frame) => {
    expect(() => readFrame(frame)).toThrow(ProtocolError);
  });
});
