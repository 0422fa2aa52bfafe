import { type PastMessage, type RxwireError } from '../../../lib/index.js';
import { parsePosition } from '../../../lib/channels/channelPosition.js';
import type { Member } from './member.js';
import type { ChannelsSetting } from './setting.js';
import type { Stored } from './sharedLog.js';

/** Requests a part of the history, and checks the answer. @param isCalm Whether the request must succeed. */
export function requestHistory(member: Member, limit: number, setting: ChannelsSetting, isCalm: boolean): () => boolean {
  const { counts, shared, say, violate } = setting;
  const received: PastMessage[] = [];
  let isDone = false;
  let again: (() => boolean) | undefined;
  const fail = (detail: string): void => violate('channels', `the history for ${member.name}: ${detail}`);
  const content = (): readonly Stored[] => shared.entries('room').filter(({ message }) => message.type !== 'channel.ended');
  const isKept = (entry: Stored): boolean => !entry.isGone && !entry.isLost;
  const losses = shared.losses();
  /** What the log has at the request: the answer has all of it. */
  const due = new Set(content().filter(isKept));
  const check = (): void => {
    isDone = true;
    const entries = content();
    say(member.name, () => `gets the history: ${received.map(({ message }) => message.id).join(' ')}`);
    const places: number[] = [];
    for (const { message, position } of received) {
      const at = parsePosition(position);
      const place = entries.findIndex(({ epoch, offset }) => epoch === at?.epoch && offset === at.offset);
      if (entries[place]?.message.id !== message.id) return fail(`${message.id} is not in the log`);
      if (place <= (places.at(-1) ?? -1)) return fail(`${message.id} is out of order`);
      places.push(place);
    }
    // Nothing is missing between two messages, but what the log has lost meanwhile.
    const told = (entry: Stored): boolean => member.pastGaps.has(entry.offset);
    const hidden = (entry: Stored): boolean => isKept(entry) && !places.includes(entries.indexOf(entry));
    const range = isCalm
      ? entries.filter((entry) => due.has(entry)).slice(-limit)
      : entries.slice(places[0] ?? 0, (places.at(-1) ?? -1) + 1);
    if (shared.losses() > losses) return undefined;
    const untold = range.find((entry) => hidden(entry) && !told(entry));
    if (isCalm && untold) return fail(`${untold.message.id} is missing, and no gap says so`);
    const missing = range.find((entry) => hidden(entry) && member.mayReceive(entry.message) === 'yes');
    if (missing) return fail(`${missing.message.id} is missing`);
    const foreign = places.find((place) => member.mayReceive(entries[place]!.message) === 'no');
    if (foreign !== undefined) fail(`${entries[foreign]!.message.id} cannot be carried`);
    return undefined;
  };
  counts.requests++;
  member
    .channelOf('room')
    .history({ limit })
    .subscribe({
      next: (past) => received.push(past),
      error(error: RxwireError) {
        isDone = true;
        say(member.name, () => `gets no history: ${String(error)}`);
        if (!isCalm) return;
        // It asks again.
        if (error.code === 'ERR_MISSED') again = requestHistory(member, limit, setting, true);
        else fail(String(error));
      },
      complete: check,
    });
  return () => (again ? again() : isDone);
}
