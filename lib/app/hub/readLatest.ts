import { chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { ChannelLog, ChannelSlice } from './channelLog.js';

/** No other block is read when this number of pages is read. */
const MAX_PAGES = 16;

type Pages = MaybeAsync<readonly ChannelSlice[]>;

/**
 * Reads the latest messages of a channel, in order: `min` of them, however large they are, and
 * earlier ones until it has `max` messages or 16 pages. It reads in blocks, the latest one first,
 * and each block whole.
 */
export function readLatest(log: ChannelLog, channel: string, { min, max }: { readonly min: number; readonly max: number }): Pages {
  /** A log may return the first messages of a block alone: the others are read behind them. */
  const readRest = (pages: readonly ChannelSlice[], end: ChannelPosition, limit: number): Pages => {
    const count = countIn(pages);
    const after = pages.at(-1)?.entries.at(-1);
    if (!after || count >= limit || after.offset === end.offset - 1) return pages;
    return chain(log.read(channel, { after, before: end, limit: limit - count }), (page) =>
      page.entries.length === 0 ? pages : readRest([...pages, page], end, limit),
    );
  };
  const readBlock = (before: ChannelPosition | undefined, limit: number): Pages =>
    chain(log.read(channel, { before, limit }), (page) => readRest([page], before ?? { epoch: page.epoch, offset: page.last + 1 }, limit));
  /** A block is larger than the one behind it if one page held that. */
  const read = (later: readonly ChannelSlice[], size: number): Pages =>
    chain(readBlock(later[0]?.entries[0], size), (block) => {
      const pages = [...block, ...later];
      const left = max - countIn(pages);
      if (countIn(block) < size || left <= 0 || pages.length >= MAX_PAGES) return pages;
      return read(pages, Math.min(left, block.length === 1 ? 2 * size : size));
    });
  return read([], Math.min(min, max));
}

const countIn = (pages: readonly ChannelSlice[]): number => pages.reduce((sum, { entries }) => sum + entries.length, 0);
