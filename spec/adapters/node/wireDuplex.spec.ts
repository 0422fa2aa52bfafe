import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Duplex, PassThrough, Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import {
  connect,
  createMessage,
  json,
  memoryLink,
  msgpack,
  ofType,
  pendingOf,
  request,
  reply,
  webSocket,
  type Frame,
  type Wire,
} from '../../../lib/index.js';
import { wireDuplex } from '../../../lib/adapters/node/wireDuplex.js';
import { lastValueFrom, of, ReplaySubject } from 'rxjs';
import { testWire } from '../../../lib/adapters/testing/index.js';
import { bytesPair } from '../../support/bytesPair.js';
import { eventually } from '../../support/eventually.js';
import { record } from '../../support/record.js';

const MIB = 1024 * 1024;
const pause = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));
const errorOf = async (stream: Duplex): Promise<unknown> => ((await once(stream, 'error')) as [unknown])[0];
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A stream of one type at both ends of a wire. */
async function duplexPair(onServerWire: (wire: Wire) => void = () => undefined) {
  let far: Duplex | undefined;
  const pair = await bytesPair((served) => {
    onServerWire(served);
    far = ending(wireDuplex(served, 'test'));
  });
  return { ...pair, near: ending(wireDuplex(pair.wire, 'test')), far: far! };
}

/** A stream that may fail when the test is over, and its wire ends. */
const ending = (stream: Duplex): Duplex => stream.on('error', () => undefined);

describe('wireDuplex', () => {
  it('is a pipe in both directions, of 20 MiB, while the connection breaks again and again', async () => {
    const { near, far, cut, close } = await duplexPair();
    far.pipe(far);
    const content = randomBytes(20 * MIB);
    let received = 0;
    near.on('data', (bytes: Buffer) => {
      if (Math.floor(received / (4 * MIB)) < Math.floor((received + bytes.length) / (4 * MIB))) cut();
      received += bytes.length;
    });
    const result = buffer(near);
    near.end(content);
    expect(sha256(await result)).toBe(sha256(content));
    await close();
  });

  it('finishes when the other side has read all bytes, and not before', async () => {
    const { near, far, close } = await duplexPair();
    near.end('hello');
    // The bytes are in the buffer of the stream, and nobody has read them.
    far.once('readable', () => undefined);
    await eventually(() => expect(far.readableLength).toBe(5));
    await pause(50);
    expect(near.writableFinished).toBe(false);
    expect(await text(far)).toBe('hello');
    await once(near, 'finish');
    await close();
  });

  it('gives all bytes to a slow reader when the wire has ended after their end has arrived', async () => {
    const { wire, near, far, close } = await duplexPair();
    const content = randomBytes(300_000);
    let pending = Infinity;
    pendingOf(wire).subscribe((messages) => (pending = messages.length));
    near.on('error', () => undefined).end(content);
    const allAcked = (): Promise<void> => eventually(() => expect([near.writableLength, pending]).toEqual([0, 0]));
    await allAcked();
    await pause(20); // The end follows the last bytes.
    await allAcked();
    wire.unsubscribe();
    await close();
    expect(sha256(await buffer(far))).toBe(sha256(content));
    expect(far.errored).toBeNull();
  });

  it('ends each direction by itself', async () => {
    const { near, far, close } = await duplexPair();
    near.end('question');
    // `for await` and `text` would destroy the stream at the end of one direction, as with a socket.
    far.resume();
    await once(far, 'end');
    far.end('answer');
    expect(await text(near)).toBe('answer');
    await Promise.all([near, far].map(async (stream) => stream.closed || once(stream, 'close')));
    expect([near.errored, far.errored]).toEqual([null, null]);
    await close();
  });

  it('sends 1 MiB, at most, that the other side has not read', async () => {
    const { near, far, close } = await duplexPair();
    let read = 0;
    const source = new Readable({
      read() {
        read += 65_536;
        this.push(Buffer.alloc(65_536));
      },
    });
    source.pipe(near);
    await eventually(() => expect(read).toBeGreaterThan(MIB * 0.9));
    await pause(50);
    expect(read).toBeLessThan(1.5 * MIB);
    const before = read;
    far.on('data', () => undefined);
    await eventually(() => expect(read).toBeGreaterThan(before + 5 * MIB));
    source.destroy();
    await close();
  });

  it('does not stop other streams and messages of the wire while its reader waits', async () => {
    const others: Duplex[] = [];
    const { wire, near, close } = await duplexPair((served) => {
      others.push(ending(wireDuplex(served, 'other')));
      served.pipe(reply({ 'test.who': () => of('me') })).subscribe(served);
    });
    near.write(Buffer.alloc(3 * MIB));
    const other = ending(wireDuplex(wire, 'other'));
    const content = randomBytes(3 * MIB);
    other.end(content);
    expect(sha256(await buffer(others[0]!))).toBe(sha256(content));
    expect(await record(request(wire, createMessage('test.who', null))).ended).toBe('complete');
    await close();
  });

  it('is a pair of Web streams by Duplex.toWeb', async () => {
    const { near, far, close } = await duplexPair();
    far.pipe(far);
    const { readable, writable } = Duplex.toWeb(near);
    const content = randomBytes(MIB);
    const [result] = await Promise.all([buffer(readable), Readable.toWeb(Readable.from([content])).pipeTo(writable)]);
    expect(sha256(result)).toBe(sha256(content));
    await close();
  });

  it('needs acks also on a wire without them', async () => {
    const { wire, served, cut, close } = await bytesPair(undefined, { delivery: 'at-most-once' });
    const [near, far] = [wire, served].map((one) => ending(wireDuplex(one, 'test'))) as [Duplex, Duplex];
    const content = randomBytes(4 * MIB);
    near.end(content);
    near.resume();
    setTimeout(cut, 5);
    expect(sha256(await buffer(far))).toBe(sha256(content));
    await close();
  });

  describe('fails', () => {
    it.each(['destroy', 'a reader that leaves', 'a failed pipeline'])('at the other side, too: %s', async (how) => {
      const { near, far, close } = await duplexPair();
      const error = errorOf(near);
      near.write(Buffer.alloc(100_000));
      if (how === 'destroy') far.destroy();
      else if (how === 'a reader that leaves')
        await far[Symbol.asyncIterator]()
          .next()
          .then(() => far.destroy());
      else {
        const full = new Writable({ write: (_, __, callback) => callback(new Error('the disk is full')) });
        await expect(pipeline(far, full)).rejects.toThrow('the disk is full');
      }
      expect(await error).toMatchObject({ code: 'ERR_STREAM_CLOSED', stream: 'test', reason: 'the other side has destroyed it' });
      await eventually(() => expect([near.destroyed, far.destroyed]).toEqual([true, true]));
      await close();
    });

    it('for a reader at the other side, whose bytes end before their end', async () => {
      const { near, far, close } = await duplexPair();
      near.write('abc');
      const result = text(far);
      await pause(20);
      near.destroy(new Error('not for the other side'));
      await expect(result).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED', reason: 'the other side has destroyed it' });
      await close();
    });

    it('with ERR_STREAM_CLOSED when the other side has no such stream any more', async () => {
      const { wire, far, near, close } = await duplexPair();
      far.destroy();
      await once(near, 'close');
      const late = wireDuplex(wire, 'test');
      late.write('abc');
      expect(await errorOf(late)).toMatchObject({ code: 'ERR_STREAM_CLOSED', reason: 'the other side has no such stream' });
      await close();
    });

    it('with the error of the wire, for the writing and the reading side', async () => {
      const wire = connect({ link: webSocket('ws://127.0.0.1:1/wire'), codec: msgpack(), reconnect: { maxRetries: 0 } });
      const writing = wireDuplex(wire, 'a');
      writing.write('abc');
      const reading = wireDuplex(wire, 'b');
      reading.resume();
      const idle = wireDuplex(wire, 'c');
      const errors = await Promise.all([writing, reading].map(errorOf));
      expect(errors).toEqual(Array<unknown>(2).fill(expect.objectContaining({ code: 'ERR_RECONNECT_GIVEN_UP' })));
      await eventually(() => expect(idle.closed).toBe(true));
      expect(idle.errored).toBeNull();
    });

    it('with ERR_WIRE_CLOSED when the wire is completed before the end, at both sides', async () => {
      const { wire, near, far, close } = await duplexPair();
      near.write('abc');
      const errors = Promise.all([near, far].map(errorOf));
      far.resume();
      await pause(20);
      wire.complete();
      expect(await errors).toEqual(Array<unknown>(2).fill(expect.objectContaining({ code: 'ERR_WIRE_CLOSED' })));
      await close();
    });

    it('not, when a wire is completed after a stream in one direction', async () => {
      const { wire, near, far, close } = await duplexPair();
      const sink = new PassThrough();
      sink.resume();
      await Promise.all([pipeline([Buffer.alloc(MIB)], near), pipeline(far, sink)]);
      wire.complete();
      await Promise.all([near, far].map(async (stream) => stream.closed || once(stream, 'close')));
      expect([near.errored, far.errored]).toEqual([null, null]);
      await close();
    });

    it('when the server has forgotten the session and its streams', async () => {
      const first = await bytesPair((served) => ending(wireDuplex(served, 'test')).resume());
      const near = wireDuplex(first.wire, 'test');
      const error = errorOf(near);
      near.resume();
      near.write('abc');
      await pause(20);
      const { port } = new URL(first.url);
      await first.stop();
      const second = await bytesPair(undefined, {}, Number(port));
      expect(await error).toMatchObject({ code: 'ERR_SESSION_LOST' });
      await second.close();
      first.wire.unsubscribe();
    });

    it('with ERR_ENCODE when the codec does not support bytes', async () => {
      const { wire, close } = await bytesPair(undefined, { codec: json() });
      const stream = wireDuplex(wire, 'test');
      const failures = record(wire.failures$);
      stream.write('abc');
      expect(await errorOf(stream)).toMatchObject({ code: 'ERR_ENCODE' });
      expect(failures.values[0]).toMatchObject({ error: { code: 'ERR_ENCODE' } });
      await close();
    });

    it.each<readonly [string, unknown, object]>([
      ['text', 'hello', { code: 'ERR_INVALID_PAYLOAD' }],
      ['null', null, { code: 'ERR_INVALID_PAYLOAD' }],
      ['no bytes', { duplex: 'x', offset: 0, bytes: 'abc' }, { code: 'ERR_INVALID_PAYLOAD' }],
      ['a negative offset', { duplex: 'x', offset: -1, end: true }, { code: 'ERR_INVALID_PAYLOAD' }],
      ['a number that is none', { duplex: 'x', taken: NaN }, { code: 'ERR_INVALID_PAYLOAD' }],
      ['an id of any length', { duplex: 'x'.repeat(1_000), offset: 0, end: true }, { code: 'ERR_INVALID_PAYLOAD' }],
      [
        'a hole',
        { duplex: 'x', offset: 5, bytes: Buffer.from('abc') },
        { code: 'ERR_STREAM_CLOSED', reason: 'bytes are missing: expected those at 0, got those at 5' },
      ],
      [
        'too much',
        { duplex: 'x', offset: 0, bytes: Buffer.alloc(MIB - 300) },
        { code: 'ERR_STREAM_CLOSED', reason: 'the other side has sent more than it may' },
      ],
    ])('with an error for an invalid part: %s', async (kind, payload, expected) => {
      const streams$ = new ReplaySubject<Duplex>();
      const { wire, close } = await bytesPair((served) => {
        const stream = wireDuplex(served, 'test');
        if (kind !== 'too much') stream.resume();
        streams$.next(stream);
      });
      const { values } = record(streams$);
      const error = errorOf(values[0]!);
      wire.next(createMessage('test', payload));
      if (kind === 'too much') wire.next(createMessage('test', { duplex: 'x', offset: MIB - 300, bytes: Buffer.alloc(100) }));
      expect(await error).toMatchObject(expected);
      await close();
    });

    it('when the other side says that it has read more than was sent', async () => {
      const near = await bytesPair();
      const stream = wireDuplex(near.served, 'test');
      const ids = record(near.wire.pipe(ofType('test')));
      stream.write('abc');
      await eventually(() => expect(ids.values.length).toBeGreaterThan(0));
      const { duplex } = ids.values[0]!.payload as { duplex: string };
      const error = errorOf(stream);
      near.wire.next(createMessage('test', { duplex, taken: 2 ** 40 }));
      expect(await error).toMatchObject({ code: 'ERR_STREAM_CLOSED', stream: 'test' });
      await near.close();
    });
  });

  it('keeps nothing to deliver when a reader ends after reading all', async () => {
    const { wire, cut, close } = testWire({ codec: msgpack(), serve: (served) => wireDuplex(served as Wire, 'test').resume() });
    const ended = lastValueFrom(wire, { defaultValue: undefined });
    const near = ending(wireDuplex(wire, 'test'));
    near.end('hello');
    await once(near, 'finish');
    cut();
    near.destroy();
    wire.complete();
    // It would fail with ERR_DRAIN_TIMEOUT.
    await ended;
    close();
  });

  it('stops at an AbortSignal, and passes that on', async () => {
    const abort = new AbortController();
    const { wire, far, close } = await duplexPair();
    const other = wireDuplex(wire, 'signal', { signal: abort.signal });
    const error = errorOf(other);
    abort.abort();
    expect(await error).toMatchObject({ name: 'AbortError' });
    far.destroy();
    await close();
  });

  it('refuses wrong arguments, and a second stream of its type', () => {
    const wire = connect({ link: memoryLink<Frame>()[0] });
    wireDuplex(wire, 'test');
    const refusals: readonly (readonly [() => unknown, Error])[] = [
      [() => wireDuplex(wire, 'test'), new TypeError('wireDuplex: the wire has a duplex of the type "test" already; use a type for each')],
      [
        () => wireDuplex(new PassThrough() as never, 'a'),
        new TypeError('wireDuplex: "wire" must be a wire, as connect returns it, got PassThrough'),
      ],
      [() => wireDuplex(wire, ''), new TypeError('wireDuplex: "type" must be the type of a message, got string')],
      [() => wireDuplex(wire, 'a', { objectMode: true } as never), new TypeError('wireDuplex: unknown option "objectMode"')],
      [
        () => wireDuplex(wire, 'a', { chunkSize: -1 }),
        new RangeError('wireDuplex: "chunkSize" must be a whole number from 1 to 2147483647, got -1'),
      ],
    ];
    for (const [call, error] of refusals) expect(call).toThrow(error);
    wire.unsubscribe();
  });
});
