import type { ChannelEntry, ChannelGap, Message } from '../../../lib/index.js';
import type { Verdict } from './poison.js';
import { keyOf } from './node.js';

/** Checks what one subscription receives: messages and gaps, each in its place. */
export interface ReaderCheck {
  message(message: Message): void;
  gap(gap: ChannelGap): void;
  /** Checks that nothing is missing. */
  end(): void;
}

export interface ReaderCheckOptions {
  readonly name: string;
  /** The entries of the channel, in order. */
  readonly entries: () => readonly ChannelEntry[];
  /** Whether the wire of the reader can carry an entry. */
  readonly carries: (entry: ChannelEntry) => Verdict;
  readonly fail: (detail: string) => void;
}

type Place = Pick<ChannelEntry, 'offset'>;

/** Checks a reader from the start: it gets each entry, or one gap for it. Or, of a keyed channel, at least the newest entry of each key. */
export function createReaderCheck(isKeyed: boolean, { name, entries, carries, fail }: ReaderCheckOptions): ReaderCheck {
  let reached = 0;
  /** The offsets that it has received, or that were told. */
  const told = new Set<number>();

  const content = (): readonly ChannelEntry[] => entries().filter(({ message }) => message.type !== 'channel.ended');
  const take = ({ offset }: Place, what: string): void => {
    if (offset <= reached) fail(`${name} gets ${what} ${offset} after ${reached}: out of order, or twice`);
    const skipped = isKeyed ? undefined : content().find((entry) => entry.offset > reached && entry.offset < offset);
    if (skipped) fail(`${name} gets ${what} ${offset} after ${reached}: ${skipped.offset} is missing`);
    reached = offset;
    told.add(offset);
  };
  return {
    message({ id }) {
      const entry = entries().find(({ message }) => message.id === id);
      if (entry && carries(entry) === 'no') fail(`${name} gets the message ${id}, which its wire cannot carry`);
      if (entry) take(entry, `the message ${id} at`);
      else fail(`${name} gets the message ${id}, which is not in the log`);
    },
    gap({ reason, after, next }) {
      const entry = content().find(({ offset }) => offset === next.offset - 1);
      if (reason !== 'undeliverable' || !entry) fail(`${name} gets a gap: ${reason}, ${after.offset} to ${next.offset}`);
      else {
        if (carries(entry) === 'yes') fail(`${name} gets a gap for ${entry.message.id}, which its wire can carry`);
        if (!isKeyed && after.offset !== entry.offset - 1)
          fail(`${name} gets one gap for several messages: ${after.offset} to ${next.offset}`);
        take(entry, 'the gap at');
      }
    },
    end() {
      const all = content();
      const newest = new Map(all.map((entry) => [keyOf(entry.message), entry]));
      const missing = (isKeyed ? [...newest.values()] : all).find(({ offset }) => !told.has(offset));
      if (missing) fail(`${name} has neither received ${missing.message.id} at ${missing.offset} nor a gap for it`);
    },
  };
}
