import { shareReplay } from 'rxjs';
import { asObservable, chain, isLater, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { ChannelLog, ChannelSlice } from './channelLog.js';

/**
 * The messages of each channel that are compared with a published one, and the channels of which
 * they are remembered.
 */
const MAX_IDS = 1_024;
const MAX_CHANNELS = 1_000;

/**
 * The ids of the latest messages of the channels: a client that has lost its session publishes
 * again what the log may have.
 */
export interface RecentIds {
  /** Returns the position of a message, if it is among the latest. */
  find(channel: string, id: string): MaybeAsync<ChannelPosition | undefined>;
  add(channel: string, id: string, position: ChannelPosition): void;
}

export function createRecentIds(log: ChannelLog): RecentIds {
  /** The ids of each channel, the one that was not used for the longest time first. */
  const known = new Map<string, MaybeAsync<Map<string, ChannelPosition>>>();

  const idsIn = ({ entries }: ChannelSlice): Map<string, ChannelPosition> =>
    new Map(entries.map(({ message, epoch, offset }) => [message.id, { epoch, offset }]));
  const load = (channel: string): MaybeAsync<Map<string, ChannelPosition>> => {
    const ids = chain(log.read(channel, { limit: MAX_IDS }), idsIn);
    if (!isLater(ids)) return ids;
    const loaded$ = asObservable(() => ids).pipe(shareReplay(1));
    loaded$.subscribe({
      next: (found) => known.has(channel) && known.set(channel, found),
      // The next message reads again.
      error: () => known.delete(channel),
    });
    return loaded$;
  };
  const use = (channel: string): MaybeAsync<Map<string, ChannelPosition>> => {
    const ids = known.get(channel) ?? load(channel);
    known.delete(channel);
    known.set(channel, ids);
    removeOldest(known, MAX_CHANNELS);
    return ids;
  };
  return {
    find: (channel, id) => (log.dropsRepeats ? undefined : chain(use(channel), (ids) => ids.get(id))),
    add(channel, id, position) {
      const ids = known.get(channel);
      if (!ids || isLater(ids)) return;
      ids.set(id, position);
      removeOldest(ids, MAX_IDS);
    },
  };
}

/** Removes the entry that was set first, if there are more than `most`. */
function removeOldest(map: Map<string, unknown>, most: number): void {
  const [oldest] = map.size > most ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
}
