import { concat, defer, EMPTY, mergeMap, type Observable } from 'rxjs';
import { CallbackError, ChannelFailedError } from '../../message/errors.js';
import { estimateSize } from '../../message/estimateSize.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { asObservable } from '../../message/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelEntry, ChannelLog } from '../../channels/channelLog.js';
import type { MessageCheck } from './messageCheck.js';

/**
 * Combines messages of a channel into one. A reader that begins before them receives the combined
 * message instead. Its payload must have the same effect on a reader as the payloads of all
 * messages. `undefined`: the messages stay unchanged. The messages are at most 1,024, of 64 KiB in
 * all. The hub stores the combined message only if all members can receive it.
 */
export type Compact = (messages: readonly Message[]) => Message | undefined;

/** The estimated size of the messages that are joined, in bytes, and their maximum number. */
const BLOCK_BYTES = 65_536;
const BLOCK_MESSAGES = 1_024;

export interface CompactorOptions {
  readonly compact: Compact;
  readonly check: Pick<MessageCheck, 'faultOf'>;
  /** Called with the errors of `compact` and of the log. */
  readonly report: (error: unknown) => void;
}

/**
 * Creates a compactor. When this hub has appended a block, the compactor reads the block from the
 * log, which may have messages of other writers in between: an entry replaces the messages that it
 * was made of, and no others.
 *
 * The messages stay as they are if it fails, or if its message cannot be sent to all members.
 */
export function createCompactor(log: ChannelLog, channel: string, { compact, check, report }: CompactorOptions) {
  /** The position in front of the messages that are not compacted yet. */
  let before: ChannelPosition | undefined;
  let messages = 0;
  let bytes = 0;

  const join = (block: readonly [ChannelEntry, ...ChannelEntry[]], { epoch, offset }: ChannelPosition): Observable<void> => {
    const [{ offset: start, first = start }, ...others] = block;
    const failed = (cause: unknown): void => report(new CallbackError('compact', cause));
    const message = others.length > 0 && callSafely(() => compact(block.map((entry) => entry.message)), failed);
    const fault = message && check.faultOf(message);
    if (fault) failed(fault);
    return message && !fault ? asObservable(() => log.compact?.(channel, { epoch, offset, first, message })) : EMPTY;
  };
  const joinBehind = (after: ChannelPosition, last: number): Observable<void> =>
    asObservable(() => log.read(channel, { after, limit: BLOCK_MESSAGES })).pipe(
      mergeMap(({ epoch, entries }) => {
        const [first, ...others] = epoch === after.epoch ? blockOf(entries, last) : [];
        if (!first) return EMPTY;
        const end = others.at(-1) ?? first;
        const rest$ = end.offset < last ? defer(() => joinBehind(end, last)) : EMPTY;
        return concat(join([first, ...others], end), rest$);
      }),
    );
  return {
    /** Takes each message that this hub has appended, in order. */
    add({ epoch, offset }: ChannelPosition, message: Message): void {
      const after = before?.epoch === epoch ? before : { epoch, offset: offset - 1 };
      before = after;
      messages++;
      bytes += estimateSize(message);
      if (bytes < BLOCK_BYTES && messages < BLOCK_MESSAGES && message.type !== 'channel.ended') return;
      before = { epoch, offset };
      messages = bytes = 0;
      joinBehind(after, offset).subscribe({ error: (error: unknown) => report(new ChannelFailedError('log', channel, error)) });
    },
  };
}

/** Returns the first entries to be joined. A compacted entry stays alone, and so does the end. */
function blockOf(entries: readonly ChannelEntry[], last: number): readonly ChannelEntry[] {
  const block: ChannelEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const isAlone = entry.first !== undefined || entry.message.type === 'channel.ended';
    if (entry.offset > last || bytes >= BLOCK_BYTES || (isAlone && block.length > 0)) break;
    block.push(entry);
    bytes += estimateSize(entry.message);
    if (isAlone) break;
  }
  return block;
}

export type Compactor = ReturnType<typeof createCompactor>;
