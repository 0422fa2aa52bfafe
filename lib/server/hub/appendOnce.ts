import { shareReplay, type Observable, type SchedulerLike } from 'rxjs';
import { asObservable, chain, isLater, type MaybeAsync } from '../../message/maybeAsync.js';
import { createRecentOffsets, type RecentOffsets } from '../../channels/recentOffsets.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelLog, ChannelSlice } from '../../channels/channelLog.js';
import { repeatKeyOf } from '../../channels/publisherMark.js';

/** The maximum number of channels whose ids are kept. Another one costs a read. */
const MAX_CHANNELS = 10_000;
/** The maximum number of ids of all channels, and the minimum and maximum of one channel. */
const MAX_IDS = 262_144;
const MIN_IDS = 64;
const MAX_READ = 1_024;
/** No other block is read when this number of pages is read. */
const MAX_PAGES = 16;

/** The ids of the latest messages of a channel, in one epoch. */
interface KnownIds {
  epoch: string;
  offsets: RecentOffsets;
}

interface RecentMessages {
  /** The ids of each channel, the one that was not used for the longest time first. */
  readonly known: Map<string, MaybeAsync<KnownIds>>;
  readonly pending: Map<string, Observable<ChannelPosition>>;
}

/** The recent messages of each storage: several logs, and several hubs, may append to one. */
const recentMessages = new WeakMap<object, RecentMessages>();

function recentMessagesOf(storage: object): RecentMessages {
  const found = recentMessages.get(storage) ?? { known: new Map(), pending: new Map() };
  recentMessages.set(storage, found);
  return found;
}

/**
 * Returns an `append` that stores a repeat of a recent message once, and returns its position: a
 * client that has lost its session publishes again what the log may have, and so does the relay of
 * a server that was restarted. It reads the ids of a channel from the log once, at its first
 * message, and keeps them: of up to 10,000 channels, 64 to 2,048 each.
 *
 * @param storage Identifies the place where the log stores. Logs of the same storage share the ids.
 */
export function appendOnce(log: ChannelLog, scheduler: SchedulerLike, storage: object = log): ChannelLog['append'] {
  if (log.dropsRepeats) return (channel, message) => log.append(channel, message);
  const { known, pending } = recentMessagesOf(storage);

  const limit = (): number => Math.max(MIN_IDS, Math.min(MAX_READ, Math.ceil(MAX_IDS / 2 / known.size)));
  const newOffsets = (): RecentOffsets => createRecentOffsets(Infinity, limit, () => scheduler.now());
  const idsIn = (pages: readonly ChannelSlice[]): KnownIds => {
    const epoch = pages.at(-1)?.epoch ?? '';
    const offsets = newOffsets();
    for (const { message, offset } of pages.flatMap(({ entries }) => entries)) offsets.add(repeatKeyOf(message), offset);
    return { epoch, offsets };
  };
  const load = (channel: string): MaybeAsync<KnownIds> => {
    const ids = chain(readLatest(log, channel, { min: MIN_IDS, max: limit() }), idsIn);
    if (!isLater(ids)) return ids;
    const loaded$ = asObservable(() => ids).pipe(shareReplay(1));
    loaded$.subscribe({
      next: (found) => known.has(channel) && known.set(channel, found),
      // The next message reads again.
      error: () => known.delete(channel),
    });
    return loaded$;
  };
  const use = (channel: string): MaybeAsync<KnownIds> => {
    const ids = known.get(channel) ?? load(channel);
    known.delete(channel);
    known.set(channel, ids);
    const [oldest] = known.size > MAX_CHANNELS ? known.keys() : [];
    if (oldest !== undefined) known.delete(oldest);
    return ids;
  };
  const add = (ids: KnownIds, key: string, { epoch, offset }: ChannelPosition): void => {
    if (ids.epoch !== epoch) Object.assign(ids, { epoch, offsets: newOffsets() });
    ids.offsets.add(key, offset);
  };
  const store = (ids: KnownIds, channel: string, message: Message, key: string): MaybeAsync<ChannelPosition> => {
    const position = log.append(channel, message);
    if (!isLater(position)) {
      add(ids, key, position);
      return position;
    }
    const stored$ = asObservable(() => position).pipe(shareReplay(1));
    const place = `${channel} ${key}`;
    pending.set(place, stored$);
    stored$.subscribe({
      next: (at) => add(ids, key, at),
      error: () => pending.delete(place),
      complete: () => pending.delete(place),
    });
    return stored$;
  };
  return (channel, message) => {
    const key = repeatKeyOf(message);
    return chain(use(channel), (ids) => {
      const offset = ids.offsets.get(key);
      if (offset !== undefined) return { epoch: ids.epoch, offset };
      return pending.get(`${channel} ${key}`) ?? store(ids, channel, message, key);
    });
  };
}

type Pages = MaybeAsync<readonly ChannelSlice[]>;

/**
 * Reads the latest messages of a channel, in order: `min` of them, however large they are, and
 * earlier ones until it has `max` messages or 16 pages. It reads in blocks, the latest one first,
 * and each block whole.
 */
function readLatest(log: ChannelLog, channel: string, { min, max }: { readonly min: number; readonly max: number }): Pages {
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
