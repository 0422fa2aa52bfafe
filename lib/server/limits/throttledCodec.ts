import type { Codec } from '../../codec/codec.js';
import { OverflowError } from '../../errors.js';
import { chain } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Report } from '../../session/sessionEvents.js';
import type { Bucket, Rates } from './rateLimit.js';

export interface ThrottledCodecOptions {
  readonly rates: Rates;
  readonly report: Report;
  /** Called when the client does not slow down. */
  readonly onFlood: () => void;
}

/**
 * Returns a codec that drops the messages of a client above its rate limit. They are not acked, so
 * that an at-least-once client sends them again.
 */
export function throttledCodec(
  codec: Codec,
  bucket: Bucket,
  { rates: { window, perSecond }, report, onFlood }: ThrottledCodecOptions,
): Codec {
  let dropped = 0;
  const admit = ({ type }: Message): boolean => {
    // The server itself causes these messages.
    if (type === 'ack' || type === 'system.hello') return true;
    if (bucket.take(1) === 1) {
      dropped = 0;
      return true;
    }
    if (dropped++ === 0) report({ kind: 'error', error: new OverflowError('messages a second', perSecond) });
    if (dropped > window) onFlood();
    return false;
  };
  return { ...codec, decode: (frame, context) => chain(codec.decode(frame, context), (batch) => batch.filter(admit)) };
}
