import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { defer, finalize, from, noop, type Observable } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import type { ReadableStreamOf } from '../../operators/sending/sendOptions.js';
import { describeValue } from '../../stores/lmdb/describeValue.js';

export interface FromReadableOptions<C, T> {
  /**
   * Returns the value for a chunk, such as a message. `offset` is the number of bytes before the
   * chunk; if the chunks are neither bytes nor texts, the number of chunks.
   * @default the chunk itself
   */
  readonly map?: (chunk: C, offset: number) => T;
}

/** The chunks of a stream: to subscribe to, for `for await`, or for `sendAll`, once. */
export type ReadableChunks<T> = Observable<T> & AsyncIterable<T>;

/** The streams that are read, or were: the chunks that one reader takes are lost for another. */
const read = /* @__PURE__ */ new WeakSet();

/**
 * Returns the chunks of a Node `Readable` or of a Web `ReadableStream`.
 *
 * - As an async iterable, in `sendAll(wire, fromReadable(stream, { map }))` or a `for await` loop,
 *   the stream waits for its reader. Use this for large streams.
 * - As an Observable, it emits chunks as fast as the stream has them. Use this for small streams,
 *   such as the keys that a user types.
 *
 * Unsubscribing, or leaving the loop, destroys the stream (cancels a `ReadableStream`).
 *
 * @throws {TypeError} At call time, if `stream` is no readable stream, or a `ReadableStream` has a
 *   reader already. Delivered, when the stream is read a second time.
 * @throws Delivered: the error of the stream; when the stream is destroyed before its end, Node's
 *   error with the code `ERR_STREAM_PREMATURE_CLOSE`. An exception of `map` destroys it, too.
 * @example
 * import { Readable } from 'node:stream';
 * import { connect, createMessage, sendAll, webSocket } from 'rxwire';
 * import { fromReadable } from 'rxwire/node';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const file = Readable.from([Buffer.from('one '), Buffer.from('two')]);
 * const messages = fromReadable(file, {
 *   map: (bytes: Buffer, offset) => createMessage('file.part', { offset, text: bytes.toString() }),
 * });
 * for await (const { status } of sendAll(wire, messages)) console.log(status);
 * // prints: acked
 * // prints: acked
 */
export function fromReadable<C = Buffer, T = C>(
  stream: Readable | ReadableStreamOf<C>,
  options: FromReadableOptions<C, T> = {},
): ReadableChunks<T> {
  checkOptions('fromReadable', options);
  const { map = (chunk: C) => chunk as unknown as T } = options;
  assertReadable(stream);

  const iterate = (): AsyncIterator<T> & AsyncIterable<T> => {
    let readable: Readable | undefined;
    const chunks = (async function* () {
      readable = open(stream);
      let offset = 0;
      for await (const chunk of readable as AsyncIterable<C>) {
        const value = map(chunk, offset);
        offset += lengthOf(chunk);
        yield value;
      }
    })();
    const iterator = {
      next: () => chunks.next(),
      // Without this, the stream would stay open until its next chunk.
      return() {
        readable?.destroy();
        return chunks.return(undefined);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  };
  const chunks$ = defer(() => {
    const iterator = iterate();
    return from(iterator).pipe(finalize(() => void iterator.return?.().catch(noop)));
  });
  return Object.assign(chunks$, { [Symbol.asyncIterator]: iterate });
}

/** @throws {TypeError} */
function assertReadable(stream: unknown): void {
  if (isWebStream(stream)) {
    if (stream.locked) throw new TypeError('fromReadable: the ReadableStream has a reader already');
  } else if (!isNodeStream(stream))
    throw new TypeError(`fromReadable: "stream" must be a Node Readable or a Web ReadableStream, got ${describeValue(stream)}`);
}

function isWebStream(stream: unknown): stream is NodeReadableStream {
  return typeof (stream as Partial<NodeReadableStream> | null | undefined)?.getReader === 'function';
}

function isNodeStream(stream: unknown): stream is Readable {
  const { read: take, destroy, [Symbol.asyncIterator]: iterate } = Object(stream) as Partial<Readable>;
  return [take, destroy, iterate].every((method) => typeof method === 'function');
}

/** Starts to read. @throws {TypeError} When the stream was read before. */
function open(stream: object): Readable {
  if (read.has(stream)) throw new TypeError('fromReadable: the stream was read before; a stream can be read once');
  read.add(stream);
  return isWebStream(stream) ? Readable.fromWeb(stream, { objectMode: true, highWaterMark: 1 }) : (stream as Readable);
}

/** Returns the number of bytes of a chunk; 1 if it has none. */
export function lengthOf(chunk: unknown): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk);
  return chunk instanceof Uint8Array ? chunk.length : 1;
}
