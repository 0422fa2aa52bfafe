import { assertNotNegative, assertPositive, checkOptions } from '../message/development.js';
import { DecodeError, EncodeError } from '../message/errors.js';
import { chain } from '../message/maybeAsync.js';
import { type Codec, type PlainCodec, withLimits } from './codec.js';
import { type Compressor, type Level, nativeCompressor, portableCompressor } from './compressor.js';
import { gunzip, gzip } from './gzipMember.js';
import { decodeUtf8 } from './unicode.js';

export interface GzipOptions {
  /** The minimum size of a frame to compress, in bytes (for text: in characters). @default 1_024 */
  readonly threshold?: number;
  /** The maximum size of a decompressed frame in bytes, both ways. @default 1 MiB */
  readonly maxSize?: number;
  /** From 1, fast, to 9, small. @default 1 */
  readonly level?: Level;
}

/**
 * Compresses the frames of another codec, one batch at a time and synchronously: with zlib where
 * the runtime has it (Node, Bun, Deno), and with `fflate` elsewhere.
 *
 * A frame is left unchanged if it is smaller than `threshold`, or if compression does not make it
 * smaller. Any other frame becomes a gzip member (RFC 1952), also if the codec makes text.
 *
 * Received frames are not trusted: a frame is rejected as soon as it exceeds `maxSize`, if its
 * checksum or size is wrong, and if it is truncated or has trailing bytes. Without zlib, a frame
 * with much longer codes than its content needs is also rejected: no encoder writes such frames.
 *
 * Be careful with encryption: the length of compressed data reveals something about its content.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if the codec encrypts: encrypted data cannot be compressed.
 * @example
 * import { connect, createMessage, gzipped, msgpack, webSocket } from 'rxwire';
 *
 * const wire = connect({
 *   link: webSocket('ws://127.0.0.1:4870/wire'),
 *   codec: gzipped(msgpack()),
 * });
 * wire.next(createMessage('chat.said', { text: 'ha'.repeat(5_000) }));
 */
export function gzipped(codec: PlainCodec, options?: GzipOptions): PlainCodec;
/** The same for a codec whose results may be asynchronous. */
export function gzipped(codec: Codec, options?: GzipOptions): Codec;
export function gzipped(codec: Codec, options: GzipOptions = {}): Codec {
  checkOptions('gzipped', options);
  return gzippedWith(nativeCompressor() ?? portableCompressor, codec, options);
}

/** The first byte of a compressed frame, and the one before a plain frame that begins so. */
const MAGIC = 31;
const ESCAPE = 0;

export function gzippedWith(compressor: Compressor, codec: Codec, options: GzipOptions): Codec {
  const { threshold = 1_024, maxSize = 1024 * 1024, level = 1 } = options;
  assertNotNegative('gzipped', { threshold });
  assertPositive('gzipped', { maxSize });
  if (![1, 2, 3, 4, 5, 6, 7, 8, 9].includes(level)) throw new RangeError(`gzipped: "level" must be 1 to 9, got ${String(level)}`);
  if (codec.isSealed) throw new TypeError('gzipped: encrypted data cannot be compressed, use sealed(gzipped(…), keys)');
  const name = `${codec.name}+gzip`;
  const limits = { ...codec.limits, maxSize };

  const inflate = (frame: Uint8Array): Uint8Array => {
    try {
      return gunzip(compressor, frame, maxSize);
    } catch (cause) {
      throw new DecodeError(name, `cannot inflate: ${cause instanceof Error ? cause.message : '?'}`, cause);
    }
  };

  const deflate = (frame: string | Uint8Array, most: number): string | Uint8Array => {
    if (frame.length < threshold) return escape(frame);
    const bytes = typeof frame === 'string' ? new TextEncoder().encode(frame) : frame;
    if (bytes.length > most) throw new EncodeError(name, `expected at most ${most} bytes, got ${bytes.length}`);
    const member = gzip(compressor, bytes, level);
    return member.length < bytes.length ? member : escape(frame);
  };

  return withLimits(limits, (sending): Codec => {
    const inner = codec.within?.(sending) ?? codec;
    return {
      name,
      binary: codec.binary || undefined,
      plain: codec.plain ?? codec,
      asynchronous: codec.asynchronous,
      encode: (batch, context) => chain(inner.encode(batch, context), (frame) => deflate(frame, sending.maxSize)),
      decode(frame, context) {
        if (typeof frame === 'string' || frame[0] !== MAGIC) return codec.decode(unescape(frame), context);
        const content = inflate(frame);
        return codec.decode(codec.binary ? content : decodeUtf8(content, name), context);
      },
    };
  });
}

function escape(frame: string | Uint8Array): string | Uint8Array {
  if (typeof frame === 'string' || (frame[0] !== MAGIC && frame[0] !== ESCAPE)) return frame;
  const longer = new Uint8Array(frame.length + 1);
  longer.set(frame, 1);
  return longer;
}

function unescape(frame: string | Uint8Array): string | Uint8Array {
  return typeof frame !== 'string' && frame[0] === ESCAPE ? frame.subarray(1) : frame;
}
