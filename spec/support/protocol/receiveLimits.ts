import type { Codec, CodecLimits } from '../../../lib/codec/codec.js';
import { MAX_DEPTH } from '../../../lib/message/messageLimits.js';

/** The maximum number of messages in a batch, whatever the window. */
export const MAX_BATCH = 256;

/** The limits of one side for the frames that it receives. */
export interface ReceiveLimits extends CodecLimits {
  /** Bytes of a frame as it travels: text as UTF-8. */
  readonly maxFrame: number;
}

/** The limits of a side that does not send any. */
export const DEFAULT_LIMITS: ReceiveLimits = { maxFrame: 1024 * 1024, maxDepth: MAX_DEPTH, maxNodes: 100_000, maxSize: 1024 * 1024 };

export type LimitsDraft = { -readonly [K in keyof ReceiveLimits]: number };

export const LIMIT_NAMES = ['maxFrame', 'maxBatch', 'maxDepth', 'maxNodes', 'maxSize'] as const;

/**
 * Returns the limits to send to the other side: the lowest one of each among the codecs that it may
 * use.
 */
export function receiveLimits(maxFrame: number, codecs: readonly Codec[]): ReceiveLimits {
  const lowest: LimitsDraft = { maxFrame: wholeOf(maxFrame) };
  for (const { limits = {} } of codecs)
    for (const name of LIMIT_NAMES) {
      const limit = (limits as Partial<ReceiveLimits>)[name];
      if (limit !== undefined && !(name === 'maxBatch' && limit >= MAX_BATCH))
        lowest[name] = wholeOf(Math.min(limit, lowest[name] ?? limit));
    }
  return lowest;
}

/** An option may be infinite, or a fraction. */
const wholeOf = (limit: number): number => Math.max(1, Math.floor(Math.min(limit, 2 ** 52)));
