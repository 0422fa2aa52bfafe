import { type PastMessage, type RxwireError } from '../../../lib/index.js';
import type { Member } from './member.js';
import type { ChannelsSetting } from './setting.js';

/** Requests a part of the history, and checks the answer. @param isCalm Whether the request must succeed. */
export function requestHistory(
  member: Member,
  limit: number,
  { counts, shared, say, violate }: ChannelsSetting,
  isCalm: boolean,
): { readonly isDone: () => boolean } {
  const received: PastMessage[] = [];
  let isDone = false;
  const fail = (detail: string): void => violate('channels', `the history for ${member.name}: ${detail}`);
  const known = shared.entries('room').length;
  const check = (): void => {
    isDone = true;
    const entries = shared.entries('room').filter(({ message }) => message.type !== 'channel.ended');
    const ids = received.map(({ message }) => message.id);
    say(member.name, () => `gets the history: ${ids.join(' ')}`);
    const places = ids.map((id) => entries.findIndex(({ message }) => message.id === id));
    if (places.some((place, index) => place <= (places[index - 1] ?? -1))) return fail(`${ids.join(' ')} is out of order`);
    const [from, to] = isCalm ? [Math.max(0, known - limit), known - 1] : [places[0] ?? 0, places.at(-1) ?? -1];
    const untold = entries.slice(from, to + 1).find((entry, index) => !places.includes(from + index) && !member.pastGaps.has(entry.offset));
    if (isCalm && untold) fail(`${untold.message.id} is missing, and no gap says so`);
    const missing = entries
      .slice(from, to + 1)
      .find((entry, index) => !places.includes(from + index) && member.mayReceive(entry) === 'yes');
    if (missing) return fail(`${missing.message.id} is missing`);
    const foreign = places.find((place) => member.mayReceive(entries[place]!) === 'no');
    if (foreign !== undefined) fail(`${entries[foreign]!.message.id} cannot be carried`);
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
        if (isCalm) fail(String(error));
      },
      complete: check,
    });
  return { isDone: () => isDone };
}
