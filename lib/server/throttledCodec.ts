import type { Codec } from '../codec/codec.js';
import { OverflowError } from '../errors.js';
import { chain } from '../internal/maybeAsync.js';
import type { Message } from '../message/types.js';
import type { Report } from '../session/sessionEvents.js';
import type { Bucket, Rates } from './rateLimit.js';

/**
 * A codec that leaves out what a client sends beyond what it may: it is not acked, so that who cares sends it again.
 *
 * @param onFlood Called when it goes on all the same.
 */
export function throttledCodec(codec: Codec, bucket: Bucket, { rates: { window, perSecond }, report, onFlood }: ThrottledOptions): Codec {
  let dropped = 0;
  const admit = ({ type }: Message): boolean => {
    // What the other side has asked for, in a way.
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

export interface ThrottledOptions {
  readonly rates: Rates;
  readonly report: Report;
  readonly onFlood: () => void;
}
