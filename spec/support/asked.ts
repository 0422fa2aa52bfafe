import { firstValueFrom } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry, ChannelLog, ChannelSlice } from '../../lib/channels/channelLog.js';
import { asObservable, type MaybeAsync } from '../../lib/message/maybeAsync.js';
import type { ChannelPosition } from '../../lib/message/channelTypes.js';
import type { Message } from '../../lib/message/types.js';
import { note, payloads } from './rooms.js';

export const textsOf = (entries: readonly (ChannelEntry | ChannelBroadcast)[]): unknown[] =>
  payloads(entries.map(({ message }) => message));

/** A log, asked so that it does not matter when it answers. */
export function asked(log: ChannelLog) {
  const answer = <T>(question: () => MaybeAsync<T>): Promise<T> => firstValueFrom(asObservable(question), { defaultValue: undefined as T });
  const append = async (channel: string, message: Message): Promise<ChannelPosition> => {
    const { epoch, offset } = await answer(() => log.append(channel, message));
    return { epoch, offset };
  };
  return {
    append,
    /** Appends notes with these texts at once. Returns the position of the last one. */
    async add(channel: string, ...texts: unknown[]): Promise<ChannelPosition> {
      const positions = await Promise.all(texts.map((text) => append(channel, note(text))));
      return positions.at(-1)!;
    },
    /** Appends notes with these texts, each when the one before is stored. */
    async addEach(channel: string, ...texts: unknown[]): Promise<readonly ChannelPosition[]> {
      const positions: ChannelPosition[] = [];
      for (const text of texts) positions.push(await append(channel, note(text)));
      return positions;
    },
    compact: (channel: string, entry: Required<ChannelEntry>): Promise<void> => answer(() => log.compact!(channel, entry)),
    /** Reads backwards. */
    back: (channel: string, before?: ChannelPosition, limit = 100): Promise<ChannelSlice> =>
      answer(() => log.read(channel, { before, limit })),
    /** Reads from the oldest message. */
    start: (channel: string, limit = 100): Promise<ChannelSlice> => answer(() => log.read(channel, { after: 'start', limit })),
    /** Reads forwards from a place; without one, the latest. */
    read: (channel: string, after?: ChannelPosition, limit = 100): Promise<ChannelSlice> =>
      answer(() => log.read(channel, { after, limit })),
    /** Whether the log may have given out a position, as keyed channels ask. */
    isKnown: (channel: string, position: ChannelPosition): Promise<boolean> => answer(() => log.isKnown?.(channel, position) ?? true),
  };
}
