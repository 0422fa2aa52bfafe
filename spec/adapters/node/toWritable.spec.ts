import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { concatMap, delay, of, ReplaySubject } from 'rxjs';
import {
  connect,
  consume,
  createMessage,
  json,
  memoryLink,
  ofType,
  webSocket,
  type Frame,
  type Message,
  type Wire,
} from '../../../lib/index.js';
import { toWritable } from '../../../lib/adapters/node/toWritable.js';
import { bytesPair } from '../../support/bytesPair.js';
import { eventually } from '../../support/eventually.js';
import { record } from '../../support/record.js';
import { socketPair } from '../../support/socketPair.js';

const counted = (count: number): Message => createMessage('test.counted', count);
const numbers = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

describe('toWritable of a wire', () => {
  it('finishes when all messages are processed by the other side, also over a connection that breaks', async () => {
    const received: unknown[] = [];
    const { wire, cut, close } = await bytesPair((served) =>
      served.pipe(ofType('test.counted')).subscribe(({ payload }) => received.push(payload)),
    );
    const source = Readable.from(numbers(3_000).map(counted));
    source.on('data', () => {
      if (received.length > 1_000 && received.length < 1_100) cut();
    });
    source.pause();
    await pipeline(source, toWritable(wire, { ahead: 50 }));
    expect(received).toEqual(numbers(3_000));
    await close();
  });

  it('is full while the other side does not process: it holds "ahead" messages, and its own buffer', async () => {
    const { wire, close } = await bytesPair((served) => served.pipe(consume(() => new Promise(() => undefined))).subscribe());
    let read = 0;
    const source = new Readable({
      objectMode: true,
      highWaterMark: 1,
      read() {
        this.push(counted(read++));
      },
    });
    const writable = toWritable(wire, { ahead: 20 });
    writable.on('error', () => undefined);
    source.pipe(writable);
    await eventually(() => expect(read).toBeGreaterThanOrEqual(30));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(read).toBeLessThanOrEqual(20 + 16 + 3);
    source.destroy();
    await close();
  });

  it('sends bytes as messages of its type, in pieces of chunkSize', async () => {
    const received: Uint8Array[] = [];
    const { wire, close } = await bytesPair((served) =>
      served.pipe(ofType('log')).subscribe(({ payload }) => received.push(payload as Uint8Array)),
    );
    const bytes = Buffer.alloc(250_000, 'abcdefg');
    await pipeline([bytes, Buffer.from('end')], toWritable(wire, { type: 'log', chunkSize: 100_000 }));
    expect(received.map(({ length }) => length)).toEqual([100_000, 100_000, 50_000, 3]);
    expect(Buffer.concat(received).equals(Buffer.concat([bytes, Buffer.from('end')]))).toBe(true);
    await close();
  });

  it('makes messages by "map", with the bytes before each chunk', async () => {
    const received: unknown[] = [];
    const { wire, close } = await bytesPair((served) => served.subscribe(({ payload }) => received.push(payload)));
    const map = (text: string, offset: number) => createMessage('test.text', { offset, text });
    await pipeline(['ä', 'b'], toWritable(wire, { map }));
    expect(received).toEqual([
      { offset: 0, text: 'ä' },
      { offset: 2, text: 'b' },
    ]);
    await close();
  });

  it('takes the bytes of a Web stream', async () => {
    const received: unknown[] = [];
    const { wire, close } = await bytesPair((served) => served.subscribe(({ payload }) => received.push(String(payload))));
    await Readable.toWeb(Readable.from([Buffer.from('a')])).pipeTo(Writable.toWeb(toWritable(wire, { type: 'log' })));
    expect(received).toEqual(['97']);
    await close();
  });

  const errorOf = async (write: (writable: Writable) => void, wire: Wire, options: object = {}): Promise<unknown> => {
    const writable = toWritable(wire, options);
    const error = once(writable, 'error');
    write(writable);
    return (await error)[0];
  };

  it('fails with the error of the message when the codec does not support bytes', async () => {
    const { wire, close } = await socketPair(() => undefined, { codec: json() });
    expect(await errorOf((writable) => writable.end('abc'), wire, { type: 'log' })).toMatchObject({ code: 'ERR_ENCODE' });
    await close();
  });

  it('fails when the other side cannot process a message, and keeps it as a dead letter', async () => {
    const fail = (): never => {
      throw new Error('the disk is full');
    };
    const { wire, close } = await socketPair((served) => served.pipe(consume(fail, { retry: false })).subscribe());
    expect(await errorOf((writable) => writable.end(counted(1)), wire)).toMatchObject({ code: 'ERR_REFUSED', remoteCode: 'ERR_HANDLER' });
    await close();
  });

  it.each([
    ['has ended', true],
    ['ends', false],
  ])('fails with ERR_WIRE_CLOSED when the wire %s, instead of losing writes', async (_, isBefore) => {
    const { wire, close } = await socketPair((served) => served.subscribe());
    if (isBefore) {
      wire.complete();
      await record(wire).ended;
    }
    const error = errorOf((writable) => void writable.write(counted(1)), wire);
    if (!isBefore) setTimeout(() => wire.complete(), 20);
    expect(await error).toMatchObject({ code: 'ERR_WIRE_CLOSED' });
    await close();
  });

  it('fails with the error of the wire', async () => {
    const wire = connect({ link: webSocket('ws://127.0.0.1:1/wire'), reconnect: { maxRetries: 0 } });
    wire.subscribe({ error: () => undefined });
    expect(await errorOf((writable) => void writable.write(counted(1)), wire)).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP' });
  });

  it.each([[null], [{ type: 'no id' }], [7]])('fails for %j, which is no message', async (value) => {
    const wire = connect({ link: memoryLink<Frame>()[0] });
    const error = await errorOf((writable) => void writable.write(value ?? { id: value }), wire);
    expect(error).toMatchObject({ code: 'ERR_INVALID_MESSAGE' });
    wire.unsubscribe();
  });

  it('fails for an object where bytes are expected, with the error of Node', () => {
    const wire = connect({ link: memoryLink<Frame>()[0] });
    const writable = toWritable(wire, { type: 'log' });
    expect(() => writable.write({ a: 1 })).toThrow('The "chunk" argument must be of type string or an instance of Buffer');
    writable.destroy();
    wire.unsubscribe();
  });

  it('refuses wrong arguments', () => {
    const wire = connect({ link: memoryLink<Frame>()[0] });
    const refusals: readonly (readonly [() => unknown, Error])[] = [
      [() => toWritable({} as never), new TypeError('toWritable: "target" must be a wire or an observer with "next", got Object')],
      [() => toWritable(wire, { type: 'a', map: counted }), new TypeError('toWritable: "type" and "map" exclude each other')],
      [() => toWritable(wire, { typ: 'a' } as never), new TypeError('toWritable: unknown option "typ"; did you mean "type"?')],
      [() => toWritable(wire, { ahead: 0 }), new RangeError('toWritable: "ahead" must be a whole number from 1 to 2147483647, got 0')],
      [() => toWritable(wire, { type: 7 } as never), new TypeError('toWritable: "type" must be a text, got 7')],
    ];
    for (const [call, error] of refusals) expect(call).toThrow(error);
    wire.unsubscribe();
  });
});

describe('toWritable of an observer', () => {
  it('passes values on, and completes', async () => {
    const values$ = new ReplaySubject<unknown>();
    await pipeline([Buffer.from('a'), { b: 1 }], toWritable(values$));
    const { values, ended } = record(values$);
    expect(await ended).toBe('complete');
    expect(values).toEqual([Buffer.from('a'), { b: 1 }]);
  });

  it('reports the error with which it is destroyed, or that it was destroyed before its end', async () => {
    const ends = await Promise.all(
      [new Error('boom'), undefined].map((error) => {
        const values$ = new ReplaySubject<unknown>();
        toWritable(values$)
          .on('error', () => undefined)
          .destroy(error);
        return record(values$).ended;
      }),
    );
    expect(ends).toEqual([new Error('boom'), expect.objectContaining({ code: 'ERR_STREAM_CLOSED' })]);
  });

  it('is destroyed by an exception of the observer', async () => {
    const fail = (): never => {
      throw new Error('boom');
    };
    const slow = of(1).pipe(
      delay(1),
      concatMap(() => [1]),
    );
    await expect(pipeline(Readable.from([1]), toWritable({ next: fail }))).rejects.toThrow('boom');
    await expect(pipeline(Readable.from([1]), toWritable({ next: () => slow.subscribe(), complete: fail }))).rejects.toThrow('boom');
  });
});
