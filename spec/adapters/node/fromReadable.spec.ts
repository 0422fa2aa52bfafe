import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { firstValueFrom, lastValueFrom, map, take, toArray } from 'rxjs';
import { createMessage, sendAll } from '../../../lib/index.js';
import { fromReadable } from '../../../lib/adapters/node/fromReadable.js';
import { bytesPair } from '../../support/bytesPair.js';
import { eventually } from '../../support/eventually.js';
import { record } from '../../support/record.js';

const webOf = (...chunks: readonly unknown[]) => Readable.toWeb(Readable.from(chunks)) as ReadableStream<unknown>;

describe('fromReadable', () => {
  it('emits the chunks of a Readable, of a process and of a ReadableStream, and completes', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdout.write("hello")']);
    const sources = [Readable.from(['a', 'b']), child.stdout, webOf('a', { b: 1 })];
    const all = await Promise.all(sources.map((source) => lastValueFrom(fromReadable<unknown>(source).pipe(toArray()))));
    expect(all).toEqual([['a', 'b'], [Buffer.from('hello')], ['a', { b: 1 }]]);
  });

  it('passes each chunk with the number of bytes, or of chunks, before it', async () => {
    const offsets = (...chunks: readonly unknown[]) =>
      lastValueFrom(fromReadable(Readable.from(chunks), { map: (_, offset) => offset }).pipe(toArray()));
    expect(await offsets(Buffer.from('abc'), Buffer.from('de'), Buffer.from('f'))).toEqual([0, 3, 5]);
    expect(await offsets('ä', 'b')).toEqual([0, 2]);
    expect(await offsets({ a: 1 }, { b: 2 })).toEqual([0, 1]);
  });

  it('reads from the stream only when it is subscribed to, or iterated', async () => {
    const stream = new PassThrough();
    stream.write('a');
    fromReadable(stream);
    await new Promise((resolve) => setImmediate(resolve));
    expect(stream.readableDidRead).toBe(false);
    stream.destroy();
  });

  it('delivers the error of the stream, after the chunks before it', async () => {
    const stream = new PassThrough();
    const { values, ended } = record(fromReadable(stream).pipe(map((chunk: Buffer) => chunk.toString())));
    stream.write('a');
    await eventually(() => expect(values).toEqual(['a']));
    stream.destroy(new Error('the disk is gone'));
    expect(await ended).toMatchObject({ message: 'the disk is gone' });
  });

  it('delivers an error when the stream is destroyed before its end, or was before it is read', async () => {
    const early = { code: 'ERR_STREAM_PREMATURE_CLOSE' };
    const stream = new PassThrough();
    const { ended } = record(fromReadable(stream));
    stream.destroy();
    expect(await ended).toMatchObject(early);
    const dead = new PassThrough().destroy();
    await once(dead, 'close');
    expect(await record(fromReadable(dead)).ended).toMatchObject(early);
  });

  const leavings: Readonly<Record<string, (stream: PassThrough) => unknown>> = {
    'by unsubscribing': (stream) => record(fromReadable(stream)).subscription.unsubscribe(),
    async 'by return()'(stream) {
      const iterator = fromReadable(stream)[Symbol.asyncIterator]();
      const next = iterator.next();
      void iterator.return?.();
      await expect(next).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    },
    async 'by leaving a loop'(stream) {
      stream.write('a');
      for await (const chunk of fromReadable(stream)) if (chunk.length > 0) break;
    },
    async 'by take(1)'(stream) {
      stream.write('a');
      await firstValueFrom(fromReadable(stream).pipe(take(1)));
    },
    async 'by a throw of map'(stream) {
      stream.write('a');
      const fail = (): never => {
        throw new Error('boom');
      };
      await expect(lastValueFrom(fromReadable(stream, { map: fail }))).rejects.toThrow('boom');
    },
  };
  it.each(Object.entries(leavings))('destroys the stream at once when it is left %s', async (_, leave) => {
    const stream = new PassThrough();
    await leave(stream);
    await eventually(() => expect(stream.destroyed).toBe(true));
  });

  it('cancels a ReadableStream when it is unsubscribed', async () => {
    let isCancelled = false;
    const stream = new ReadableStream({ cancel: () => void (isCancelled = true) });
    record(fromReadable(stream)).subscription.unsubscribe();
    await eventually(() => expect(isCancelled).toBe(true));
  });

  it('says that a stream can be read once, instead of sharing its chunks', async () => {
    const stream = Readable.from(['a']);
    await lastValueFrom(fromReadable(stream));
    const text = 'fromReadable: the stream was read before; a stream can be read once';
    await expect(lastValueFrom(fromReadable(stream))).rejects.toThrow(new TypeError(text));
  });

  it.each([
    ['a Writable', new Writable(), 'fromReadable: "stream" must be a Node Readable or a Web ReadableStream, got Writable'],
    ['null', null, 'fromReadable: "stream" must be a Node Readable or a Web ReadableStream, got null'],
    ['a path', '/etc/hosts', 'fromReadable: "stream" must be a Node Readable or a Web ReadableStream, got string'],
  ])('refuses %s', (_, value, text) => {
    expect(() => fromReadable(value as never)).toThrow(new TypeError(text));
  });

  it('refuses a ReadableStream that has a reader', () => {
    const stream = webOf('a');
    stream.getReader();
    expect(() => fromReadable(stream)).toThrow(new TypeError('fromReadable: the ReadableStream has a reader already'));
  });

  it('makes the stream wait in sendAll until the receiver has room, and loses no message', async () => {
    const received: unknown[] = [];
    let isOpen = false;
    const { wire, close } = await bytesPair((served) => served.subscribe(({ payload }) => received.push(payload)));
    let made = 0;
    const stream = Readable.from(
      (function* () {
        while (made < 1_000) yield made++;
        isOpen = true;
      })(),
      { highWaterMark: 1 },
    );
    const messages = fromReadable<number, ReturnType<typeof message>>(stream, { map: (count) => message(count) });
    let acked = 0;
    let most = 0;
    for await (const { status } of sendAll(wire, messages, { ahead: 10 })) {
      most = Math.max(most, made - acked);
      if (status === 'acked') acked++;
    }
    await finished(stream);
    expect([acked, isOpen]).toEqual([1_000, true]);
    expect(received).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    expect(most).toBeLessThanOrEqual(13);
    await close();
  });
});

const message = (count: number) => createMessage('test.counted', count);
