import type { ChannelVersion } from './nodeMessages.js';

/** The channels in which the members of this node have changed lately. */
export interface ChangeLog {
  readonly add: (channel: string, version: number) => void;
  /**
   * Returns the channels that have changed in the time of the last heartbeats, for the next one,
   * and the version since when they are complete.
   */
  readonly next: (version: number) => { readonly since: number; readonly channels: readonly ChannelVersion[] };
}

/**
 * A change is in this number of heartbeats: a node that has missed all of them compares all
 * channels.
 */
const REPEATS = 3;

/**
 * The maximum number of channels in a heartbeat. A node that has missed changes of more compares
 * all channels.
 */
const MAX_CHANNELS = 256;

export function createChangeLog(): ChangeLog {
  /** In the order of their versions. */
  const changed = new Map<string, number>();
  /** The versions at the last heartbeats. */
  const versions: number[] = [];
  let dropped = 0;

  return {
    add(channel, version) {
      changed.delete(channel);
      changed.set(channel, version);
      const [oldest] = changed;
      if (changed.size <= MAX_CHANNELS || !oldest) return;
      changed.delete(oldest[0]);
      dropped = oldest[1];
    },
    next(version) {
      if (versions.length === REPEATS) dropped = Math.max(dropped, versions.shift() ?? 0);
      versions.push(version);
      for (const [channel, at] of changed) {
        if (at > dropped) break;
        changed.delete(channel);
      }
      return { since: dropped, channels: [...changed] };
    },
  };
}
