import { CallbackError, ChannelFailedError } from '../../errors.js';
import { estimateSize } from '../../internal/estimateSize.js';
import { guard } from '../../internal/guard.js';
import { asObservable } from '../../internal/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelLog } from './channelLog.js';

/**
 * Combines messages of a channel into one. A reader that begins before them receives the combined
 * message instead. Its payload must have the same effect on a reader as the payloads of all
 * messages. `undefined`: the messages stay unchanged. The messages are at most 1,024, of 64 KiB in
 * all.
 */
export type Compact = (messages: readonly Message[]) => Message | undefined;

/** The estimated size of the messages that are joined, in bytes, and their maximum number. */
const BLOCK_BYTES = 65_536;
const BLOCK_MESSAGES = 1_024;

/** Compacts one channel as it grows. */
export interface Compactor {
  /** Takes each message that was appended, in order. */
  add(position: ChannelPosition, message: Message): void;
}

/**
 * @param report Called with the errors of `compact` and of the log. The messages stay as they are.
 */
export function createCompactor(log: ChannelLog, channel: string, compact: Compact, report: (error: unknown) => void): Compactor {
  let messages: Message[] = [];
  let first: ChannelPosition | undefined;
  let bytes = 0;

  const join = ({ epoch, offset }: ChannelPosition): void => {
    const begin = first;
    const joined = messages;
    messages = [];
    first = undefined;
    bytes = 0;
    if (!begin || begin.epoch !== epoch || joined.length < 2) return;
    const failed = (error: unknown): void => report(new ChannelFailedError('log', channel, error));
    const message = guard(
      () => compact(joined),
      (cause) => report(new CallbackError('compact', cause)),
    );
    if (!message) return;
    const entry = { epoch, offset, first: begin.offset, message };
    asObservable(() => log.compact?.(channel, entry)).subscribe({ error: failed });
  };
  return {
    add(position, message) {
      if (message.type !== 'channel.ended') {
        first ??= position;
        messages.push(message);
        bytes += estimateSize(message);
        if (bytes < BLOCK_BYTES && messages.length < BLOCK_MESSAGES) return;
        join(position);
      } else if (first) join({ epoch: position.epoch, offset: position.offset - 1 });
    },
  };
}
