import { DecodeError, EncodeError } from '../errors.js';
import { assertNotNegative, assertPositive } from '../internal/assert.js';
import { chain } from '../internal/later.js';
import type { Message } from '../message/types.js';
import type { Codec, PlainCodec } from './codec.js';
import { readMember } from './gzip/member.js';
import { nativeZip } from './gzip/nativeZip.js';
import { portableZip, type Level, type Zip } from './gzip/zip.js';
import { textOf } from './text.js';

export interface GzipOptions {
  /** Bytes (of text: characters) from which on a frame is compressed. @default 1_024 */
  readonly threshold?: number;
  /** Bytes that a compressed frame may hold, both ways. @default 1 MiB */
  readonly maxSize?: number;
  /** From 1, fast, to 9, small. @default 1 */
  readonly level?: Level;
}

/**
 * Compresses what another codec makes, a batch at a time: by zlib on Node, by fflate elsewhere.
 *
 * A frame that is smaller than `threshold`, would not become smaller, or whose messages all say that they are `compressed` already
 * (`metadata`), stays what it was. Another one becomes a gzip member (RFC 1952), also of a codec that makes text.
 *
 * Of what comes, nothing is believed: a frame that holds more than `maxSize` is refused as soon as that is noticed, as is one with a wrong checksum or
 * size, that is cut, or goes on after its end.
 *
 * Where you encrypt, think twice: the length of what is compressed tells something of what it says.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if the codec encrypts: there is nothing left to compress.
 * @example
 * const codec = gzipped(json());
 * const frame = codec.encode([createMessage('chat.said', 'ha'.repeat(5_000))]);
 * console.log(codec.name, frame.length < 200); // prints: json+gzip true
 */
export function gzipped(codec: PlainCodec, options?: GzipOptions): PlainCodec;
export function gzipped(codec: Codec, options?: GzipOptions): Codec;
export function gzipped(codec: Codec, options: GzipOptions = {}): Codec {
  return gzippedBy(nativeZip() ?? portableZip, codec, options);
}

/** What a frame begins with that is compressed, and what is put before one that is not but begins so, or like this. */
const MAGIC = 31;
const ESCAPE = 0;

/** The same, by the one or the other. */
export function gzippedBy(zip: Zip, codec: PlainCodec, options: GzipOptions): PlainCodec;
export function gzippedBy(zip: Zip, codec: Codec, options: GzipOptions): Codec;
export function gzippedBy(zip: Zip, codec: Codec, options: GzipOptions): Codec {
  const { threshold = 1_024, maxSize = 1024 * 1024, level = 1 } = options;
  assertNotNegative('gzipped', { threshold });
  assertPositive('gzipped', { maxSize });
  if (![1, 2, 3, 4, 5, 6, 7, 8, 9].includes(level)) throw new RangeError(`gzipped: "level" must be 1 to 9, got ${String(level)}`);
  if (codec.isSealed) throw new TypeError('gzipped: what is sealed does not become smaller: sealed(gzipped(…), keys)');
  const name = `${codec.name}+gzip`;

  const inflate = (frame: Uint8Array): Uint8Array => {
    try {
      const { body, checksum, size } = readMember(frame, zip.crc32);
      if (size > maxSize) throw new Error(`more than ${maxSize} bytes`);
      const { content, end } = zip.inflate(body, size);
      if (end !== body.length) throw new Error('bytes after the end');
      if (content.length !== size) throw new Error('a wrong size');
      if (zip.crc32(content) !== checksum) throw new Error('a wrong checksum');
      return content;
    } catch (cause) {
      throw new DecodeError(name, `cannot inflate: ${cause instanceof Error ? cause.message : '?'}`, cause);
    }
  };

  const deflate = (frame: string | Uint8Array): string | Uint8Array => {
    if (frame.length < threshold) return escaped(frame);
    const bytes = typeof frame === 'string' ? new TextEncoder().encode(frame) : frame;
    if (bytes.length > maxSize) throw new EncodeError(name, `${bytes.length} bytes, where ${maxSize} are the limit`);
    const packed = zip.gzip(bytes, level);
    return packed.length < bytes.length ? packed : escaped(frame);
  };

  return {
    name,
    binary: codec.binary || undefined,
    encode: (batch, context) =>
      chain(codec.encode(batch, context), (frame) => (batch.every(isCompressed) ? escaped(frame) : deflate(frame))),
    decode(frame, context) {
      if (typeof frame === 'string' || frame[0] !== MAGIC) return codec.decode(unescaped(frame), context);
      const content = inflate(frame);
      return codec.decode(codec.binary ? content : textOf(content, name), context);
    },
  };
}

function isCompressed({ metadata }: Message): boolean {
  return metadata?.compressed === true;
}

function escaped(frame: string | Uint8Array): string | Uint8Array {
  if (typeof frame === 'string' || (frame[0] !== MAGIC && frame[0] !== ESCAPE)) return frame;
  const longer = new Uint8Array(frame.length + 1);
  longer.set(frame, 1);
  return longer;
}

function unescaped(frame: string | Uint8Array): string | Uint8Array {
  return typeof frame !== 'string' && frame[0] === ESCAPE ? frame.subarray(1) : frame;
}
