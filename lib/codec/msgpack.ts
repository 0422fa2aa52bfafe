import { Packr } from 'msgpackr';
import { assertDepth, assertPositive, checkOptions } from '../message/development.js';
import { DecodeError, EncodeError } from '../message/errors.js';
import { MAX_DEPTH } from '../message/messageLimits.js';
import type { Message } from '../message/types.js';
import { assertUnicode, mayHaveReplaced } from './unicode.js';
import { type PlainCodec, withLimits } from './codec.js';
import type { JsonOptions } from './json.js';
import { MAX_ENVELOPE_LEVELS } from './envelopeLevels.js';
import { createBatchLayout } from './msgpack/batchLayout.js';
import { scanMsgpack } from './msgpack/scanMsgpack.js';

export interface MsgpackOptions extends JsonOptions {
  /**
   * The maximum number of arrays, maps, map entries, binaries and dates in a frame, and of payload
   * fields encoded as columns, both ways.
   * @default 100_000
   */
  readonly maxNodes?: number;
}

/**
 * The codec of binary frames: MessagePack, by msgpackr. A message is an array of its fields in a
 * fixed order, without names. A batch of two or more messages is encoded by columns, one for each
 * field, and a value that all messages share is encoded once: about two thirds of the size of JSON.
 *
 * In addition to JSON, it supports Dates, Uint8Arrays, Maps, Sets, BigInts of 64 bits, NaN,
 * Infinity and `undefined`. It rejects larger BigInts, typed arrays other than bytes, functions,
 * symbols, invalid dates, objects with their own `toJSON`, texts that are not Unicode (with an
 * unpaired surrogate), and more than `maxDepth` levels. A key named `__proto__` arrives as
 * `__proto_`; an object with both is rejected.
 *
 * @throws {RangeError} At call time, if a number is not positive, or `maxDepth` below 32.
 * @example
 * import { createMessage, msgpack } from 'rxwire';
 *
 * const frame = msgpack().encode([
 *   createMessage('chat.said', 'hello', { id: 'a1', timestamp: 0 }),
 * ]);
 * console.log(frame.length); // prints: 27
 */
export function msgpack(options: MsgpackOptions = {}): PlainCodec {
  checkOptions('msgpack', options);
  const { maxBatch = 1_024, maxNodes = 100_000, maxDepth = MAX_DEPTH } = options;
  assertPositive('msgpack', { maxBatch, maxNodes });
  assertDepth('msgpack', maxDepth);
  const limits = { maxBatch, maxDepth, maxNodes };
  const maxNesting = maxDepth + MAX_ENVELOPE_LEVELS + BATCH_LEVELS;
  const packr = newPackr();
  const decoding = createBatchLayout(limits);

  const pack = (values: readonly unknown[], batch: readonly Message[]): Uint8Array => {
    try {
      const packed = packr.pack(values);
      if (mayHaveReplaced(packed)) assertUnicode(batch, 'msgpack');
      const { buffer, byteOffset, length } = packed;
      const frame = new Uint8Array(buffer, byteOffset, length);
      // A frame must not keep the memory alive that msgpackr has allocated for a much larger one.
      return length * 16 < buffer.byteLength && buffer.byteLength > MAX_SHARED ? frame.slice() : frame;
    } catch (cause) {
      if (cause instanceof EncodeError) throw cause;
      throw new EncodeError('msgpack', 'msgpackr cannot write it', cause);
    }
  };
  const unpack = (frame: Uint8Array): unknown => {
    try {
      // A separate view: msgpackr adds a property to it, and reads Buffers from a Buffer. It takes
      // longer to create the view than to copy a small frame to one that is there.
      const { length } = frame;
      if (length > SCRATCH) return packr.unpack(new Uint8Array(frame.buffer, frame.byteOffset, length));
      scratch ??= new Uint8Array(SCRATCH);
      scratch.set(frame);
      return packr.unpack(scratch, length);
    } catch (cause) {
      throw new DecodeError('msgpack', 'msgpackr cannot read it', cause);
    }
  };

  return withLimits(limits, (sending): PlainCodec => {
    const encoding = createBatchLayout(sending);
    return {
      name: 'msgpack',
      binary: true,
      carriesJson: true,
      encode(batch) {
        const frame = pack(encoding.toValue(batch), batch);
        // Each node takes at least one byte: only a large frame can have too many.
        const fault = frame.length > sending.maxNodes ? scanMsgpack(frame, sending.maxNodes, maxNesting) : undefined;
        if (fault) throw new EncodeError('msgpack', fault);
        return frame;
      },
      decode(frame) {
        if (typeof frame === 'string') throw new DecodeError('msgpack', 'expected bytes, got text');
        // Only an envelope may have more levels.
        const isDeep = scanMsgpack(frame, maxNodes, maxDepth + BATCH_LEVELS) !== undefined;
        const fault = isDeep ? scanMsgpack(frame, maxNodes, maxNesting) : undefined;
        if (fault) throw new DecodeError('msgpack', fault);
        return decoding.fromValue(unpack(frame), isDeep);
      },
    };
  });
}

/** A payload is in a message in a batch. */
const BATCH_LEVELS = 2;
/** The size of the memory of msgpackr that small frames may share, in bytes. */
const MAX_SHARED = 65_536;

/** The size of the frames that are read from a copy, in bytes. */
const SCRATCH = 2_048;
let scratch: Uint8Array | undefined;

const newPackr = (): Packr =>
  new Packr({
    useRecords: false, // their definitions come from the peer and reach `new Function`
    structuredClone: false, // no references, hence no cycles
    useToJSON: false, // `toJSON` in what a peer sent is no method
    copyBuffers: true, // what was decoded must not change with the memory of its frame
    variableMapSize: true, // small objects are two bytes smaller, and more than 65,535 keys are possible
    int64AsType: 'auto' as 'number', // a number where that is exact, else a BigInt; the typings do not know it
  });
