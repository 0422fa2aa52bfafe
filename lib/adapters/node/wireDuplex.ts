import { nanoid } from 'nanoid';
import { Duplex, type DuplexOptions } from 'node:stream';
import { assertWhole, checkOptions } from '../../message/development.js';
import { RxwireError, StreamClosedError } from '../../message/errors.js';
import { isName } from '../../message/messageLimits.js';
import { describeValue } from '../../stores/lmdb/describeValue.js';
import { duplexesOf, sendPart, type DuplexEnd, type DuplexWire } from './duplexRegistry.js';
import { createDuplexReader, createDuplexWriter } from './duplexFlow.js';
import { isWire, piecesOf, WRITABLE_DEFAULTS, writeEach } from './toWritable.js';

/** The options of a Node `Duplex` that also apply here. */
export type DuplexStreamOptions = Pick<DuplexOptions, 'allowHalfOpen' | 'readableHighWaterMark' | 'writableHighWaterMark' | 'signal'>;

export interface WireDuplexOptions extends DuplexStreamOptions {
  /** Messages without an outcome at most. Keep it below `maxQueued` of the wire. @default 32 */
  readonly ahead?: number;
  /** The maximum size of a message, in bytes. Keep it below `maxFrame`. @default 65_536 */
  readonly chunkSize?: number;
}

/**
 * Returns a Node `Duplex` over a wire: the bytes that one side writes are the bytes that the other
 * side reads, as with a socket. Each side creates it with the same `type`; a wire can have many,
 * each with a type of its own. The codec must support bytes, as `msgpack()` does.
 *
 * - **Backpressure**: one side sends 1 MiB that the other side has not read, at most; then its
 *   writes wait. A stream whose reader waits does not stop other messages of the wire.
 * - **End**: `finish` is emitted when the other side has read all bytes, and the end. Each
 *   direction ends by itself.
 * - **Failure**: when a side destroys its stream, the other stream fails with `ERR_STREAM_CLOSED`.
 *   A stream over a wire that ends fails with the error of the wire, unless there is nothing to
 *   lose: all written bytes were read, and nobody reads from it.
 *
 * The connection may be lost and come back: nothing is lost or doubled. A stream does not outlive
 * the process, or the session, of either side. If the other side has never had a stream over this
 * wire, the writes wait. `for await` destroys the `Duplex` at the end of the loop.
 *
 * `Duplex.toWeb` makes a pair of Web streams of it.
 *
 * @param wire A wire of `connect` or `listen`. Create the stream when the wire begins, in the same
 *   run as its other subscribers.
 * @param type The type of the messages of this stream.
 * @throws {RangeError} At call time, if a number is not a whole number from 1 on.
 * @throws {TypeError} At call time, if `wire` is no wire, `type` is no name, the wire has a duplex
 *   of this type already, or for an unknown option.
 * @throws {StreamClosedError} Destroys the stream: the other side has destroyed its stream, or has
 *   none.
 * @throws {RxwireError} Destroys the stream: the error of the wire, `ERR_SESSION_LOST`, or the
 *   error of a message, such as `ERR_ENCODE` when the codec does not support bytes.
 * @throws {InvalidPayloadError} Destroys the stream: the other side has sent something else.
 * @example
 * import { of } from 'rxjs';
 * import { connect, type Frame, memoryLink, msgpack } from 'rxwire';
 * import { wireDuplex } from 'rxwire/node';
 * import { serve } from 'rxwire/server';
 *
 * const [near, far] = memoryLink<Frame>();
 * serve(of(far)).subscribe((there) => {
 *   const echo = wireDuplex(there, 'echo');
 *   echo.pipe(echo);
 * });
 * const echo = wireDuplex(connect({ link: near, codec: msgpack() }), 'echo');
 * echo.end('hello');
 * for await (const bytes of echo) console.log(String(bytes)); // prints: hello
 */
export function wireDuplex(wire: DuplexWire, type: string, options: WireDuplexOptions = {}): Duplex {
  checkOptions('wireDuplex', options);
  const { ahead = WRITABLE_DEFAULTS.ahead, chunkSize = WRITABLE_DEFAULTS.chunkSize, ...streamOptions } = options;
  if (!isWire(wire) || !('errors$' in wire))
    throw new TypeError(`wireDuplex: "wire" must be a wire, as connect returns it, got ${describeValue(wire)}`);
  if (!isName(type) || type === '') throw new TypeError(`wireDuplex: "type" must be the type of a message, got ${describeValue(type)}`);
  assertWhole('wireDuplex', { ahead, chunkSize });

  const id = nanoid();
  const duplexes = duplexesOf(wire);
  let isPeerGone = false;
  let failure: Error | undefined;
  const end: DuplexEnd = {
    receive(part) {
      if (duplex.destroyed) return;
      if ('taken' in part) writer.receive(part.duplex, part.taken);
      else if (!('refused' in part)) reader.receive(part);
      else if (part.duplex === id) end.close(new StreamClosedError(type, part.refused));
    },
    fail(error) {
      failure = error as Error;
      if (writer.isLoss(duplex)) duplex.destroy(failure);
      // The application still reads what has arrived.
      else if (reader.hasEnd() && !reader.isEnded()) duplex.once('end', () => duplex.destroy());
      else duplex.destroy(reader.isLoss() ? failure : undefined);
    },
    close(error) {
      isPeerGone = true;
      end.fail(error);
    },
  };
  const writer = createDuplexWriter(wire, type, id, ahead, (error) => end.fail(error));
  const onAborted = (reason: string): void => end.close(new StreamClosedError(type, reason));
  const reader = createDuplexReader(wire, type, () => duplex, onAborted);
  const duplex: Duplex = new Duplex({
    ...streamOptions,
    construct(callback) {
      writer.open();
      callback();
    },
    write(chunk: Buffer, _, callback) {
      if (failure) callback(failure);
      else writeEach(piecesOf(chunk, chunkSize), (bytes, done) => writer.write(bytes, done), callback);
    },
    final(callback) {
      if (failure) callback(failure);
      else writer.end(callback);
    },
    read: () => reader.read(),
    destroy(error, callback) {
      duplexes.remove(type, end);
      writer.stop();
      const isDone = duplex.writableFinished && reader.isEnded();
      // A stream in one direction: all bytes were read, and the other side may be gone. If the
      // other side still begins to write, its first part is refused, because this stream has ended.
      const isNotice = duplex.writableFinished && !reader.hasBegun() && !error;
      const { status } = wire.state;
      if (!isDone && !isPeerGone && (isNotice ? status === 'connected' : status !== 'disconnecting'))
        sendPart(wire, type, { duplex: id, aborted: textOf(error) }, isNotice);
      callback(error);
    },
  });
  duplex.once('end', () => reader.confirmEnd());
  duplexes.add(type, end);
  return duplex;
}

/** Describes an error for the other side. The texts of other errors may contain paths. */
function textOf(error: Error | null): string {
  return error instanceof RxwireError ? error.text : 'the other side has destroyed it';
}
