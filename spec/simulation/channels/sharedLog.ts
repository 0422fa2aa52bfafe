import { memoryChannelLog, type ChannelEntry, type ChannelLog, type ChannelPosition, type Message } from '../../../lib/index.js';
import type { Chance } from '../chance.js';
import type { Life } from '../life.js';
import { createModelLog, type ModelLog } from './modelLog.js';
import type { LogPlan } from './plan.js';

/** An entry of a channel, in all that the log has ever stored, in order. */
export interface Stored extends ChannelEntry {
  readonly index: number;
  /** Whether the log has removed it to keep its limits, or has lost its epoch. */
  isGone: boolean;
  /** When a restored log had it again. */
  backAt?: number;
  /** Whether a restore has lost it: nobody can know that it is missing. */
  isLost: boolean;
  /** Whether the log had the same message of the same publisher already, when it stored this one. */
  readonly isRepeat: boolean;
}

/** The log that all hubs share, and what is, or was, in it. */
export interface SharedLog {
  readonly log: ChannelLog;
  /** All entries of a channel that were ever stored, in order, the end included. */
  readonly entries: (channel: string) => readonly Stored[];
  /** The entries with this sender and id. */
  readonly find: (channel: string, message: Pick<Message, 'source' | 'id'>) => readonly Stored[];
  /** The epoch of a channel now. */
  readonly epochOf: (channel: string) => string;
  /** The index of the first entry of an epoch: the number of entries when it began. */
  readonly startOf: (channel: string, epoch: string) => number;
  readonly hasEnded: (channel: string) => boolean;
  /** The log loses all, and begins another epoch. */
  forget(): void;
  backUp(): void;
  /** The log loses what came after its backup, and continues its epoch. */
  restore(): void;
  /** Joins some messages of the channel. */
  compact(first: Stored, last: Stored, message: Message): void;
  /** How often it has lost something. */
  readonly losses: () => number;
  /** Whether a gap for an entry may still be under way, though a restored log has it again. */
  readonly isJustBack: (entry: Stored) => boolean;
}

/** How long a message to a member may be under way, in ms: the longest sleep, and some time to deliver it. */
const MOST_FLIGHT = 5_000;

const withoutMark = (source: string): string => source.replace(/ [\w-]{16}$/, '');
const keyOf = ({ source, id }: Pick<Message, 'source' | 'id'>): string => `${withoutMark(source)}\n${id}`;

export function createSharedLog({ kind, keep, page, stride }: LogPlan, scheduler: Life['scheduler'], chance: Chance): SharedLog {
  const channels = new Map<string, { readonly all: Stored[]; readonly byKey: Map<string, Stored[]>; firstKept: number }>();
  const starts = new Map<string, number>();
  let [losses, forgotten] = [0, 0];
  const keepOf = (channel: string): number => (channel === 'room' ? keep : 1e6);
  const create = (): ChannelLog | ModelLog => {
    if (kind === 'model') return createModelLog({ chance, epoch: `epoch${forgotten}`, keepOf, page, stride });
    const log = memoryChannelLog({ maxMessages: 1e6, maxBytes: 1e9, maxTotalBytes: 1e10, maxAge: 1e12, scheduler });
    log.retain?.('room', { messages: keep });
    return log;
  };
  let log = create();
  const channelOf = (name: string) => {
    const channel = channels.get(name) ?? { all: [], byKey: new Map<string, Stored[]>(), firstKept: 0 };
    channels.set(name, channel);
    return channel;
  };
  const read = (channel: string) =>
    log.read(channel, { after: 'start', limit: 1 }) as Exclude<ReturnType<ChannelLog['read']>, { subscribe: unknown }>;
  /** Marks what the log has removed. */
  const trim = (name: string): void => {
    const channel = channelOf(name);
    const slice = read(name);
    const first = slice.entries[0]?.first ?? slice.entries[0]?.offset ?? Infinity;
    for (
      let entry = channel.all[channel.firstKept];
      entry && (entry.epoch !== slice.epoch || entry.offset < first || entry.isLost);
      entry = channel.all[++channel.firstKept]
    )
      entry.isGone = true;
  };
  const loseAll = (): void => {
    losses++;
    forgotten++;
    log = create();
    for (const [name, channel] of channels) {
      for (const entry of channel.all) entry.isGone = true;
      channel.firstKept = channel.all.length;
      starts.set(`${name} ${read(name).epoch}`, channel.all.length);
    }
  };
  return {
    entries: (channel) => channelOf(channel).all,
    find: (channel, message) => channelOf(channel).byKey.get(keyOf(message)) ?? [],
    epochOf: (channel) => read(channel).epoch,
    startOf: (channel, epoch) => starts.get(`${channel} ${epoch}`) ?? 0,
    hasEnded: (channel) => channelOf(channel).all.at(-1)?.message.type === 'channel.ended',
    losses: () => losses,
    isJustBack: ({ backAt = -Infinity }) => scheduler.now() - backAt < MOST_FLIGHT,
    forget: loseAll,
    backUp: () => (log as Partial<ModelLog>).backUp?.(),
    restore() {
      const { restore } = log as Partial<ModelLog>;
      if (!restore) {
        loseAll();
        return;
      }
      losses++;
      const epoch = `epoch${forgotten}`;
      for (const [name, { upTo, offsets }] of restore()) {
        const channel = channelOf(name);
        for (const entry of channel.all.filter((one) => one.epoch === epoch)) {
          entry.isLost ||= entry.offset > upTo;
          const isKept = offsets.has(entry.offset);
          if (entry.isGone && isKept) entry.backAt = scheduler.now();
          entry.isGone = !isKept;
        }
        channel.firstKept = 0;
      }
    },
    compact: (first, { epoch, offset }, message) => void log.compact?.('room', { epoch, offset, first: first.offset, message }),
    log: {
      dropsRepeats: true,
      append(name, message) {
        const { epoch, offset } = log.append(name, message) as ChannelPosition;
        const { all, byKey } = channelOf(name);
        const latest = all.at(-1);
        // A repeat has the position of the first one. The tails may have stored others meanwhile.
        if (!byKey.get(keyOf(message))?.some((entry) => entry.epoch === epoch && entry.offset === offset)) {
          const isRepeat =
            byKey
              .get(keyOf(message))
              ?.some((one) => one.message.source === message.source && one.epoch === epoch && !one.isGone && !one.isLost) ?? false;
          const entry: Stored = { epoch, offset, message, index: all.length, isGone: false, isLost: false, isRepeat };
          if (latest && latest.epoch === epoch && latest.offset > offset) throw new Error('the log has stored out of order');
          all.push(entry);
          byKey.set(keyOf(message), [...(byKey.get(keyOf(message)) ?? []), entry]);
        }
        trim(name);
        return { epoch, offset };
      },
      read: (name, query) => log.read(name, query),
      tail: (name) => log.tail(name),
      ...(kind === 'model' && { isKnown: (name, position) => log.isKnown?.(name, position) ?? true }),
      broadcast: (name, message) => log.broadcast?.(name, message),
      compact: (name, entry) => log.compact?.(name, entry),
    },
  };
}
