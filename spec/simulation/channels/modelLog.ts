import { Observable, Subject } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry, ChannelLog, ChannelPosition, ChannelQuery, ChannelSlice } from '../../../lib/index.js';
import { ChannelEndedError } from '../../../lib/index.js';
import { createTrampoline } from '../../../lib/operators/subscribing/trampoline.js';
import type { Chance } from '../chance.js';

/** What a log keeps, besides what {@link ChannelLog} says. */
export interface ModelLog extends ChannelLog {
  /** Remembers what the log has now. */
  backUp(): void;
  /** Continues with what the log had at the last backup, in the same epoch, behind all offsets that it has given out. Returns what each channel has now. */
  restore(): ReadonlyMap<string, Restored>;
}

/** What a channel has after a restore. */
export interface Restored {
  /** What was stored behind this offset is lost. */
  readonly upTo: number;
  readonly offsets: ReadonlySet<number>;
}

interface Row {
  readonly entry: ChannelEntry;
  readonly key: string;
}

interface Backup {
  readonly rows: readonly Row[];
  readonly removed: number;
  readonly last: number;
  readonly end: ChannelEntry | undefined;
}

/** A publisher is the last 16 characters of a source behind a space, or else the whole source. */
const keyOf = ({ source, id }: { readonly source: string; readonly id: string }): string =>
  `${/ [\w-]{16}$/.exec(source)?.[0] ?? source}\n${id}`;

export interface ModelLogOptions {
  readonly chance: Chance;
  /** The epoch of all channels. */
  readonly epoch: string;
  /** The maximum number of messages of a channel. */
  readonly keepOf: (channel: string) => number;
  /** The maximum number of messages of a slice. */
  readonly page: number;
  /** The most by which an offset is higher than the one before. */
  readonly stride: number;
}

/** A log by the letter of its interface, and no more: offsets may be sparse, slices are short, a restore loses the latest messages. */
export function createModelLog({ chance, epoch, keepOf, page, stride }: ModelLogOptions): ModelLog {
  const channels = new Map<string, ReturnType<typeof createChannel>>();
  const channelOf = (name: string) => {
    const channel = channels.get(name) ?? createChannel(name);
    channels.set(name, channel);
    return channel;
  };
  const createChannel = (name: string) => {
    const tail$ = new Subject<ChannelEntry | ChannelBroadcast>();
    const notifications = createTrampoline();
    const keep = keepOf(name);
    const compacted = new Map<number, Required<ChannelEntry>>();
    const lost: (readonly [after: number, upTo: number])[] = [];
    let now: Backup = { rows: [], removed: 0, last: 0, end: undefined };
    let backup = now;

    const isInside = ({ epoch: own, offset }: ChannelPosition): boolean =>
      own === epoch && offset <= now.last && !lost.some(([after, upTo]) => offset > after && offset <= upTo);
    const behind = (from: number, { before, limit }: ChannelQuery): readonly ChannelEntry[] => {
      const entries: ChannelEntry[] = [];
      let reached = from;
      for (const { entry } of now.rows) {
        if (entry.offset <= reached || entry.offset >= (before?.offset ?? Infinity) || entries.length >= Math.min(limit, page)) continue;
        const found = (before ? undefined : compacted.get(entry.offset)) ?? entry;
        entries.push(found);
        reached = found.offset;
      }
      return entries;
    };
    const read = (query: ChannelQuery): Pick<ChannelSlice, 'entries' | 'isComplete'> => {
      const { after, before, limit } = query;
      const { rows, removed, last, end } = now;
      if (after !== undefined) {
        const isKnown = after === 'start' || isInside(after);
        const from = isKnown && after !== 'start' ? after.offset : 0;
        const missing = end && rows.length === 0 ? last - 1 : removed;
        return { entries: behind(from, query), isComplete: isKnown && missing <= from };
      }
      const isKnown = before === undefined || isInside(before) || (before.epoch === epoch && before.offset === last + 1);
      const found = isKnown
        ? rows.filter(({ entry }) => entry.offset < (before?.offset ?? Infinity)).slice(limit > 0 ? -limit : rows.length)
        : [];
      return { entries: found.slice(0, page).map(({ entry }) => entry), isComplete: isKnown && (found.length === limit || removed === 0) };
    };
    return {
      tail$,
      append(message: ChannelEntry['message']): ChannelPosition {
        const key = keyOf(message);
        const known = now.rows.find((row) => row.key === key);
        if (known) return { epoch, offset: known.entry.offset };
        if (now.end) throw new ChannelEndedError(name, now.end.message.payload as ConstructorParameters<typeof ChannelEndedError>[1]);
        const entry = { epoch, offset: now.last + chance.whole(1, stride), message };
        const end = message.type === 'channel.ended' ? entry : undefined;
        const rows = [...now.rows, { entry, key }];
        const kept = end ? rows : rows.slice(-keep);
        const removed = rows.length > kept.length ? rows[rows.length - kept.length - 1]!.entry.offset : now.removed;
        now = { rows: kept, removed, last: entry.offset, end };
        notifications.add(() => tail$.next(entry));
        notifications.run();
        return { epoch, offset: entry.offset };
      },
      read: (query: ChannelQuery): ChannelSlice => ({ epoch, last: now.last, ...read(query), ...(now.end && { end: now.end }) }),
      isKnown: isInside,
      compact(entry: Required<ChannelEntry>): void {
        if (now.rows.some((row) => row.entry.offset === entry.first)) compacted.set(entry.first, entry);
      },
      backUp: () => void (backup = now),
      restore(): Restored {
        const upTo = backup.last;
        for (const [first, { offset }] of compacted) if (offset > backup.last) compacted.delete(first);
        if (now.last > backup.last) lost.push([backup.last, now.last]);
        now = { ...backup, last: now.last > backup.last ? now.last + 1 : now.last };
        backup = now;
        return { upTo, offsets: new Set(now.rows.map(({ entry }) => entry.offset)) };
      },
    };
  };
  const all = () => [...channels.values()];
  return {
    dropsRepeats: true,
    append: (name, message) => channelOf(name).append(message),
    read: (name, query) => channelOf(name).read(query),
    isKnown: (name, position) => channelOf(name).isKnown(position),
    tail: (name) => new Observable((subscriber) => channelOf(name).tail$.subscribe(subscriber)),
    broadcast: (name, message) => channelOf(name).tail$.next({ message }),
    compact: (name, entry) => channelOf(name).compact(entry),
    backUp: () => all().forEach((channel) => channel.backUp()),
    restore: () => new Map([...channels].map(([name, channel]) => [name, channel.restore()])),
  };
}
