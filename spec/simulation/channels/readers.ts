import type { ChannelGap, ChannelPosition, Message } from '../../../lib/index.js';
import { parsePosition } from '../../../lib/channels/channelPosition.js';
import type { Verdict } from './poison.js';
import { isDeletion, JOINED, keyOf } from './node.js';
import type { SharedLog, Stored } from './sharedLog.js';

/** Checks what one subscription receives: messages and gaps, each in its place. */
export interface ReaderCheck {
  /** The hub has confirmed the join: a reader that does not begin at the start begins here. */
  begin(position: string | undefined): void;
  /** Another subscription begins at the position that was stored. */
  resume(position: string | undefined): void;
  /** @param position Where the reader is now; undefined for an ephemeral message. */
  message(message: Message, position: ChannelPosition | undefined): void;
  gap(gap: ChannelGap): void;
  end(how: string): void;
  /** Returns what is missing. */
  missing(): string | undefined;
}

export interface ReaderCheckOptions {
  readonly name: string;
  readonly shared: SharedLog;
  readonly channel: string;
  /** Whether the wire of the reader can carry a message. */
  readonly mayReceive: (message: Message) => Verdict;
  readonly isFromStart: boolean;
  /** Whether a message is not stored. */
  readonly isEphemeral: (message: Message) => boolean;
  readonly fail: (detail: string) => void;
}

const isEnd = ({ message }: Stored): boolean => message.type === 'channel.ended';

/** Checks a reader: it gets each entry once and in order, or a gap that is true. Or, of a keyed channel, at least the newest entry of each key. */
export function createReaderCheck(isKeyed: boolean, options: ReaderCheckOptions): ReaderCheck {
  const { name, shared, channel, mayReceive, isFromStart, isEphemeral, fail } = options;
  /** The index of the latest entry that it has received, or that was told; undefined: it has not begun. */
  let at: number | undefined = isFromStart ? -1 : undefined;
  /** The index of the latest message, without gaps. */
  let received = -1;
  let [hasBegun, hasGap] = [false, false];
  /** Of a keyed channel, what each key has; and the entries that cannot be received. */
  const view = new Map<string, number>();
  const undeliverable = new Set<number>();
  const ephemeral = new Set<string>();

  const all = (): readonly Stored[] => shared.entries(channel);
  const describe = (entry: Stored | undefined): string => (entry ? `${entry.message.id} at ${entry.offset}` : 'the start');
  /** Returns the first entry behind a place that a reader must have, or a gap for it. */
  const nextBehind = (index: number): Stored | undefined =>
    all()
      .slice(index + 1)
      .find((entry) => !isEnd(entry) && !entry.isLost);
  const entryAt = ({ epoch, offset }: ChannelPosition): Stored | undefined =>
    all().find((entry) => entry.epoch === epoch && entry.offset === offset);
  /** Returns the index of the latest entry up to a position. */
  const indexOf = (epoch: string, offset: number): number => {
    const entries = all();
    let index = entries.length - 1;
    while (index >= 0 && !(entries[index]!.epoch === epoch && entries[index]!.offset <= offset)) index--;
    return index;
  };
  const take = (entry: Stored, what: string): void => {
    const before = at ?? entry.index - 1;
    if (entry.index <= before) fail(`${name} gets ${what} ${describe(entry)} after ${describe(all()[before])}: out of order, or twice`);
    const skipped = nextBehind(before);
    if (!isKeyed && skipped && skipped.index < entry.index)
      fail(`${name} gets ${what} ${describe(entry)} after ${describe(all()[before])}: ${describe(skipped)} is missing`);
    at = entry.index;
  };
  /** Takes a message that stands for those up to a position. */
  const takeJoined = ({ payload, id }: Message, position: ChannelPosition): void => {
    let first: Stored | undefined;
    for (const text of [...(payload as readonly string[])].reverse()) {
      const [source = '', own = ''] = text.split('\n');
      const next = first;
      first = shared
        .find(channel, { source, id: own })
        .filter((entry) => (next ? entry.index < next.index : entry === entryAt(position)))
        .at(-1);
      if (!first) return fail(`${name} gets ${id} at ${position.offset}, whose ${own} is elsewhere`);
    }
    const last = entryAt(position);
    if (!first || !last) return fail(`${name} gets ${id}, which joins nothing`);
    take(first, `the joined message ${id}, from`);
    at = received = last.index;
  };
  const checkRange = ({ reason, after, next }: ChannelGap): void => {
    const text = `${name} gets a gap: ${reason}, ${after.offset} to ${next.offset}`;
    const reached = at === undefined ? undefined : all()[at];
    const isSame = after.epoch === next.epoch;
    if ((reason === 'history') !== isSame) fail(`${text}, of ${after.epoch} and ${next.epoch}`);
    if (!isSame && shared.losses() === 0) fail(`${text}, though the log has lost nothing`);
    const range = all().filter(
      (entry) => entry.epoch === next.epoch && entry.offset < next.offset && !isEnd(entry) && (!isSame || entry.offset > after.offset),
    );
    const kept = isKeyed
      ? undefined
      : range.find((entry) => entry.index > (at ?? -1) && !entry.isGone && !entry.isLost && !shared.isJustBack(entry));
    if (kept) fail(`${text}, though the log has ${describe(kept)}`);
    if (isSame && shared.losses() === 0 && !range.some(({ isGone }) => isGone)) fail(`${text}, though nothing is missing`);
    if (isSame && !isKeyed) {
      if (reached?.epoch === after.epoch && reached.offset > after.offset && received === at)
        fail(`${text}, though it has ${describe(reached)}`);
      const skipped = at === undefined ? undefined : nextBehind(at);
      if (skipped && skipped.epoch === after.epoch && skipped.offset <= after.offset)
        fail(`${text}, though ${describe(skipped)} is missing, too`);
    }
  };
  return {
    begin(position) {
      if (hasBegun || (at ?? -1) >= 0 || position === undefined) return;
      hasBegun = true;
      const { epoch, offset } = parsePosition(position)!;
      // What the log had before it lost its epoch is unknown to a new reader.
      const before = shared.startOf(channel, epoch) - 1;
      at = at === -1 ? before : Math.max(before, indexOf(epoch, offset));
    },
    resume(position) {
      hasGap = false;
      hasBegun = position !== undefined;
      if (position === undefined) return void (at = -1);
      const { epoch, offset } = parsePosition(position)!;
      const stored = indexOf(epoch, offset);
      if (stored > received) fail(`${name} has stored the position ${offset}, and has received only ${describe(all()[received])}`);
      at = stored;
    },
    message(message, position) {
      if (isEphemeral(message)) {
        if (ephemeral.has(message.id)) fail(`${name} gets the message ${message.id} twice`);
        ephemeral.add(message.id);
        return undefined;
      }
      if (!position) {
        fail(`${name} gets the message ${message.id} at no position`);
        return;
      }
      if (message.type === JOINED) {
        takeJoined(message, position);
        return;
      }
      const entry = entryAt(position);
      if (!entry || !shared.find(channel, message).includes(entry)) {
        fail(`${name} gets the message ${message.id} at ${position.offset}, where the log has ${describe(entry)}`);
        return;
      }
      if (mayReceive(message) === 'no') fail(`${name} gets the message ${message.id}, which its wire cannot carry`);
      take(entry, 'the message');
      received = entry.index;
      if (!isKeyed) return undefined;
      if (isDeletion(message)) view.delete(keyOf(message));
      else view.set(keyOf(message), entry.index);
      return undefined;
    },
    gap(gap) {
      const { reason, after, next } = gap;
      hasGap = true;
      if (reason === 'undeliverable') {
        const entry = all().find(({ epoch, offset }) => epoch === next.epoch && offset === next.offset - 1);
        if (!entry || isEnd(entry)) {
          fail(`${name} gets a gap: ${reason}, ${after.offset} to ${next.offset}`);
          return;
        }
        if (mayReceive(entry.message) === 'yes') fail(`${name} gets a gap for ${describe(entry)}, which its wire can carry`);
        take(entry, 'the gap at');
        undeliverable.add(entry.index);
        return undefined;
      }
      checkRange(gap);
      const reached = indexOf(next.epoch, next.offset - 1);
      // Of a keyed channel, all keys follow again.
      if (isKeyed) view.clear();
      const place = reached >= 0 ? reached : shared.startOf(channel, next.epoch) - 1;
      // The position is one that a restore has lost: all messages of the log follow again.
      const isBack = after.epoch === next.epoch && next.offset <= after.offset && shared.losses() > 0;
      at = isKeyed ? -1 : isBack ? place : Math.max(at ?? -1, place);
      return undefined;
    },
    end(how) {
      if (!isKeyed && how === 'completed' && hasGap && at !== undefined && isFromStart)
        fail(`${name} has missed messages, and its channel is complete`);
    },
    missing() {
      if (at === undefined) return undefined;
      if (!isKeyed) {
        const missing = nextBehind(at);
        // A gap is reported with the next message behind it.
        if (missing?.isGone && !all().some(({ index, isGone, isLost }) => index > missing.index && !isGone && !isLost)) return undefined;
        return missing && `${name} has neither received ${describe(missing)} nor a gap for it`;
      }
      const newest = new Map<string, Stored>();
      const epoch = shared.epochOf(channel);
      for (const entry of all()) if (entry.epoch === epoch && !entry.isLost && !isEnd(entry)) newest.set(keyOf(entry.message), entry);
      for (const [key, entry] of newest) {
        if (undeliverable.has(entry.index) || mayReceive(entry.message) !== 'yes') continue;
        const own = view.get(key);
        if (isDeletion(entry.message) ? own !== undefined : own !== entry.index)
          return `${name} has ${own === undefined ? 'nothing' : describe(all()[own])} of the key ${key}, and not ${describe(entry)}`;
      }
      return undefined;
    },
  };
}
