import { Writable, type WritableOptions } from 'node:stream';
import type { Observer } from 'rxjs';
import { assertWhole, checkOptions } from '../../message/development.js';
import { createSending } from '../../operators/sending/sendAll.js';
import type { MessageSink } from '../../operators/sending/pullFrom.js';
import { SEND_OPTIONS, type SendingWire } from '../../operators/sending/sendOptions.js';
import { InvalidMessageError, MessageRefusedError, StreamClosedError } from '../../message/errors.js';
import { createMessage } from '../../message/createMessage.js';
import { isName } from '../../message/messageLimits.js';
import type { Message } from '../../message/types.js';
import { describeValue } from '../../stores/lmdb/describeValue.js';
import { lengthOf } from './fromReadable.js';

export interface ToWritableOptions<C = Message> {
  /** The type of the messages of the written bytes. @default the stream is in object mode */
  readonly type?: string;
  /**
   * Returns the message for a chunk, in object mode. `offset` is the number of bytes that were
   * written before; if the chunks are neither bytes nor texts, the number of chunks.
   * @default the chunk is the message
   */
  readonly map?: (chunk: C, offset: number) => Message;
  /**
   * Messages without an outcome at most. Keep it below `maxQueued` of the wire.
   * @default 1_000; with `type` 32
   */
  readonly ahead?: number;
  /** The maximum size of a message of `type` in bytes, below `maxFrame`. @default 65_536 */
  readonly chunkSize?: number;
}

/** The default values of the options above; `ahead` is for bytes. */
export const WRITABLE_DEFAULTS = { ahead: 32, chunkSize: 65_536 } as const;

/**
 * Returns a Node `Writable` that sends what is written to it over a wire. A write is complete when
 * the wire has room for it: `ahead` messages are sent and have no outcome yet, at most. So `pipe`
 * and `pipeline` read their source as fast as the receiver processes messages. `finish` is emitted
 * when all messages have their acks. The end of the stream does not complete the wire.
 *
 * For an observer, the stream is in object mode, and calls `next`, `complete` at its end, and
 * `error` when it is destroyed before.
 *
 * `Writable.toWeb` makes a Web `WritableStream` of it.
 *
 * @throws {RangeError} At call time, if a number is not a whole number from 1 on.
 * @throws {TypeError} At call time, if `target` is neither a wire nor an observer, for an unknown
 *   option, and for both `type` and `map`.
 * @throws {InvalidMessageError} Destroys the stream: without `type`, a value is no message.
 * @throws {RxwireError} Destroys the stream: the error of the wire, or of the first message that is
 *   given up, such as `ERR_ENCODE` when the codec does not support bytes.
 * @throws {MessageRefusedError} Destroys the stream, when the other side has not processed a
 *   message, and keeps it as a dead letter. `sendAll` continues instead.
 * @throws {WireClosedError} Destroys the stream, when the wire completes before it.
 * @example
 * import { Readable } from 'node:stream';
 * import { pipeline } from 'node:stream/promises';
 * import { connect, createMessage, webSocket } from 'rxwire';
 * import { toWritable } from 'rxwire/node';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const rows = Readable.from([1, 2, 3].map((row) => createMessage('row.added', { row })));
 * await pipeline(rows, toWritable(wire));
 * console.log('all rows are acked'); // prints: all rows are acked
 */
export function toWritable<C = Message>(target: SendingWire, options?: ToWritableOptions<C>): Writable;
export function toWritable<T>(target: Partial<Observer<T>>): Writable;
export function toWritable(target: SendingWire | Partial<Observer<unknown>>, options: ToWritableOptions<never> = {}): Writable {
  checkOptions('toWritable', options);
  if (isWire(target)) return writableOfWire(target, options);
  if (typeof (target as Partial<Observer<unknown>> | null | undefined)?.next !== 'function')
    throw new TypeError(`toWritable: "target" must be a wire or an observer with "next", got ${describeValue(target)}`);
  const [unused] = Object.keys(options);
  if (unused !== undefined) throw new TypeError(`toWritable: "${unused}" has an effect only with a wire`);
  return writableOfObserver(target);
}

export function isWire(target: unknown): target is SendingWire {
  const { next, isPending, receipts$ } = Object(target) as Partial<SendingWire>;
  return typeof next === 'function' && typeof isPending === 'function' && receipts$ !== undefined;
}

function writableOfWire(wire: SendingWire, options: ToWritableOptions<never>): Writable {
  const { type, map = (chunk: unknown) => chunk as Message, chunkSize = WRITABLE_DEFAULTS.chunkSize } = options;
  const { ahead = type === undefined ? SEND_OPTIONS.ahead[1] : WRITABLE_DEFAULTS.ahead } = options;
  assertWhole('toWritable', { ahead, chunkSize });
  if (type !== undefined && options.map) throw new TypeError('toWritable: "type" and "map" exclude each other');
  if (type !== undefined && !isName(type)) throw new TypeError(`toWritable: "type" must be the type of a message, got ${String(type)}`);

  const writer = createMessageWriter(wire, ahead, (error) => writable.destroy(error as Error));
  let offset = 0;
  const messagesOf = (chunk: unknown): readonly Message[] => {
    if (type !== undefined) return piecesOf(chunk as Buffer, chunkSize).map((bytes) => createMessage<string, unknown>(type, bytes));
    const message = map(chunk as never, offset);
    if (typeof (message as Partial<Message> | null | undefined)?.id !== 'string')
      throw new InvalidMessageError('message', `must be an object with an id, as createMessage returns it, got ${describeValue(message)}`);
    offset += lengthOf(chunk);
    return [message];
  };
  const writable = new Writable({
    ...(type === undefined ? { objectMode: true } : { highWaterMark: chunkSize }),
    construct(callback) {
      writer.start();
      callback();
    },
    write(chunk: unknown, _, callback) {
      try {
        writeEach(messagesOf(chunk), (message, done) => writer.write(message, done), callback);
      } catch (error) {
        callback(error as Error);
      }
    },
    final: (callback) => writer.end(() => callback()),
    destroy(error, callback) {
      writer.stop();
      callback(error);
    },
  });
  return writable;
}

/** Cuts bytes into pieces, without copying them. */
export function piecesOf(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  if (bytes.length <= size) return bytes.length === 0 ? [] : [bytes];
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

/** Writes one value after the other, and calls back when the last one is written. */
export function writeEach<T>(values: readonly T[], write: (value: T, done: () => void) => void, callback: () => void): void {
  let index = 0;
  const next = (): void => {
    const value = values[index++];
    if (value === undefined) callback();
    else write(value, next);
  };
  next();
}

function writableOfObserver(observer: Partial<Observer<unknown>>): Writable {
  let isOver = false;
  const options: WritableOptions = {
    objectMode: true,
    write(value: unknown, _, callback) {
      try {
        observer.next?.(value);
        callback();
      } catch (error) {
        callback(error as Error);
      }
    },
    final(callback) {
      isOver = true;
      observer.complete?.();
      callback();
    },
    destroy(error, callback) {
      if (!isOver) observer.error?.(error ?? new StreamClosedError('toWritable', 'it was destroyed'));
      isOver = true;
      callback(error);
    },
  };
  return new Writable(options);
}

/**
 * Sends messages one after the other. At most `ahead` of them have no outcome yet.
 *
 * @param onFailed Called once, with the error of the wire, or of the first message that is given up
 *   or becomes a dead letter. No callback is called after that.
 */
export function createMessageWriter(wire: SendingWire, ahead: number, onFailed: (error: unknown) => void) {
  let sink: MessageSink | undefined;
  let waiting: { readonly message: Message; readonly done: () => void } | undefined;
  let onEnd: (() => void) | undefined;

  const sending = createSending(
    wire,
    (to) => {
      sink = to;
      const pull = (): void => {
        if (!waiting || !to.hasRoom()) return;
        const { message, done } = waiting;
        waiting = undefined;
        to.next(message);
        done();
      };
      return { pull, release: () => (waiting = undefined) };
    },
    {
      next({ id, outcome }) {
        if (outcome !== 'dead-lettered') return;
        sending.stop();
        // The other side keeps the message, but a stream must not have a gap.
        onFailed(new MessageRefusedError(id, 'ERR_HANDLER', 'its handler has failed, and the message is a dead letter there'));
      },
      error: onFailed,
      complete: () => onEnd?.(),
    },
    { ahead, emitFailed: false, isHeld: false },
  );
  return {
    start: (): void => sending.start(),
    /** Calls back when the next message may be written. To be called again only after that. */
    write(message: Message, done: () => void): void {
      if (!sink?.hasRoom()) waiting = { message, done };
      else {
        sink.next(message);
        done();
      }
    },
    /** Calls back when all messages have their acks. */
    end(done: () => void): void {
      onEnd = done;
      sink?.end();
    },
    /** Stops. The wire keeps the messages that are sent. */
    stop: (): void => sending.stop(),
  };
}
