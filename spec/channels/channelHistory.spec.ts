import { ChannelHistory } from '../../lib/channels/channelHistory.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { ChannelEndedError } from '../../lib/message/errors.js';
import { note } from '../support/rooms.js';

const LIMITS = { maxMessages: 3, maxBytes: 100, maxAge: 1_000 };
const END = createMessage('channel.ended', { status: 'completed' });

const history = (limits = LIMITS) => new ChannelHistory('room', { epoch: 'e', last: 0, limits });
/** The offsets of the messages that are left. */
const left = (of: ChannelHistory, now: number): number[] =>
  of.read({ after: 'start', limit: 100 }, now).entries.map(({ offset }) => offset);

describe('the history of a channel', () => {
  it('keeps the latest messages by number, size and age', () => {
    const kept = history();
    for (const now of [1, 2, 3, 4]) kept.add(note(now), 1, now);
    expect(left(kept, 4)).toEqual([2, 3, 4]);
    kept.add(note('large'), 99, 5);
    expect([left(kept, 5), kept.bytes]).toEqual([[4, 5], 100]);
    expect([left(kept, 1_003), left(kept, 1_004), left(kept, 1_005)]).toEqual([[4, 5], [5], []]);
    expect(kept.read({ after: 'start', limit: 1 }, 1_005)).toMatchObject({ last: 5, isComplete: false });
  });

  it('keeps a message no longer when the clock is set back', () => {
    const kept = history();
    kept.add(note(1), 1, 500);
    kept.add(note(2), 1, 100);
    expect([left(kept, 1_499), left(kept, 1_500)]).toEqual([[1, 2], []]);
  });

  it('returns the position of a repeat, also when the message is removed, and of no other publisher', () => {
    const kept = history();
    const messages = Array.from({ length: 20 }, (_, index) => ({ ...note(index, `id${index}`), source: 'a' }));
    for (const message of messages) kept.add(message, 1, 1);
    expect([kept.add(messages[19]!, 1, 1), kept.add(messages[0]!, 1, 1)]).toEqual([
      { epoch: 'e', offset: 20 },
      { epoch: 'e', offset: 1 },
    ]);
    expect(kept.add({ ...messages[19]!, source: 'b' }, 1, 1)).toMatchObject({ offset: 21 });
  });

  it('is whole from its end on: it takes no other message, and is removed at once', () => {
    const kept = history();
    for (const now of [1, 2, 3]) kept.add(note(now), 1, now);
    kept.add(END, 1, 500);
    expect(() => kept.add(note('late'), 1, 501)).toThrow(ChannelEndedError);
    expect(kept.add(END, 1, 501).offset).toBe(4);
    expect([left(kept, 1_499), left(kept, 1_500)]).toEqual([[1, 2, 3, 4], []]);
    expect(kept.read({ limit: 0 }, 1_500).end?.offset).toBe(4);
  });

  it('has an entry that stands for several until its first message is removed', () => {
    const kept = history();
    for (const now of [1, 2, 3]) kept.add(note(now), 1, now);
    const joined = { epoch: 'e', first: 2, offset: 3, message: note('joined') };
    kept.compact(joined, 10);
    expect([left(kept, 3), kept.bytes]).toEqual([[1, 3], 13]);
    expect(kept.read({ after: { epoch: 'e', offset: 2 }, limit: 9 }, 3).entries).toMatchObject([{ offset: 3, message: { payload: 3 } }]);
    for (const now of [4, 5]) kept.add(note(now), 1, now);
    expect([left(kept, 5), kept.bytes]).toEqual([[3, 4, 5], 3]);
    kept.compact(joined, 10);
    expect(kept.bytes).toBe(3);
  });
});
