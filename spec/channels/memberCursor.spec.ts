import type { ChannelSlice } from '../../lib/channels/channelLog.js';
import { MemberCursor } from '../../lib/channels/memberCursor.js';
import { note } from '../support/rooms.js';

const QUEUE = { queued: 1, room: 1_000 };
const FULL = { queued: 1, room: 2 };

const entry = (offset: number, first?: number) => ({ epoch: 'e', offset, message: note(offset), ...(first !== undefined && { first }) });
const tail = (offset: number, after = offset - 1, first?: number) => ({ ...entry(offset, first), after });
const slice = (offsets: readonly number[], last: number, part: Partial<ChannelSlice> = {}): ChannelSlice => ({
  ...{ epoch: 'e', last, entries: offsets.map((offset) => entry(offset)), isComplete: true },
  ...part,
});
const at = (offset: number) => ({ epoch: 'e', offset });

/** A member that has begun behind an offset. */
function joined(offset: number, last = offset): MemberCursor {
  const cursor = new MemberCursor();
  cursor.onJoin({ channel: 'room', join: 1, after: at(offset) }, slice([], last));
  return cursor;
}

/** A live member behind an offset. */
function live(offset: number): MemberCursor {
  const cursor = joined(offset);
  cursor.onSlice(slice([], offset), QUEUE);
  cursor.onReached(at(offset));
  return cursor;
}

const next = (cursor: MemberCursor) => cursor.nextPage(QUEUE, 1);

describe('the cursor of a member', () => {
  it('begins behind the position of the client, or in front of the first message', () => {
    const begin = (join: object, part: ChannelSlice) => new MemberCursor().onJoin({ channel: 'room', join: 1, ...join }, part);
    expect(begin({ after: at(3) }, slice([4, 5], 5))).toEqual({ ...at(3), complete: true });
    expect(begin({ after: at(3) }, slice([], 5))).toEqual({ ...at(5), complete: true });
    expect(begin({ after: at(3) }, slice([9], 9, { isComplete: false }))).toEqual({ ...at(8), complete: false });
    expect(begin({ start: true }, slice([9], 9, { isComplete: false }))).toEqual({ ...at(8), complete: false });
    expect(begin({}, slice([9], 9, { isComplete: false }))).toEqual({ ...at(8), complete: true });
    expect(begin({}, slice([], 9))).toEqual({ ...at(9), complete: true });
  });

  it('is live when it has read up to the tail, and reads on when the tail is ahead', () => {
    const cursor = joined(3);
    expect(cursor.phase).toBe('reading');
    expect(cursor.onSlice(slice([4, 5], 5), QUEUE)).toMatchObject({ after: 3, entries: [{ offset: 4 }, { offset: 5 }] });
    cursor.onReached(at(6));
    expect([cursor.phase, next(cursor).after]).toEqual(['reading', at(5)]);
    cursor.onSlice(slice([6], 6), QUEUE);
    cursor.onReached(at(6));
    expect(cursor.phase).toBe('live');
  });

  it('takes each message of the tail once', () => {
    const cursor = live(3);
    expect([3, 4, 4, 5].map((offset) => cursor.onTail(tail(offset), 1, QUEUE))).toEqual([false, true, false, true]);
    expect([cursor.phase, next(cursor).after]).toMatchObject(['live', at(5)]);
  });

  it('reads in place of a compacted message of which it has a part', () => {
    const cursor = live(5);
    expect(cursor.onTail(tail(8, 3, 4), 1, QUEUE)).toBe(true);
    expect([cursor.phase, next(cursor).after]).toEqual(['reading', at(5)]);
  });

  it('falls behind when its queue is full, or holds more than 512 KiB', () => {
    const [full, large, empty] = [live(3), live(3), live(3)];
    full.onTail(tail(4), 1, FULL);
    large.onTail(tail(4), 524_288, QUEUE);
    expect([full.phase, large.phase]).toEqual(['behind', 'live']);
    large.onTail(tail(5), 1, QUEUE);
    expect(large.phase).toBe('behind');
    for (const offset of [4, 5, 6]) empty.onTail(tail(offset), 524_288, { queued: 0, room: 1_000 });
    expect(empty.phase).toBe('live');
  });

  it('reads behind the message that is acked or lost, and that message again if it was dropped', () => {
    const [acked, dropped] = [live(3), live(3)];
    for (const cursor of [acked, dropped]) cursor.onTail(tail(4), 1, FULL);
    acked.onAcked(false);
    dropped.onAcked(true);
    expect([acked, dropped].map(({ phase }) => phase)).toEqual(['reading', 'reading']);
    expect([acked, dropped].map((cursor) => next(cursor).after)).toMatchObject([at(4), at(3)]);
  });

  it('must be acked behind each page that does not reach the end of the log', () => {
    const cursor = joined(3, 9);
    cursor.onSlice(slice([4, 5], 9), QUEUE);
    expect([cursor.phase, next(cursor).after]).toEqual(['behind', at(5)]);
    cursor.onAcked(true);
    expect(next(cursor).after).toEqual(at(4));
    // The queue takes two messages of the three.
    expect(cursor.onSlice(slice([5, 6, 7], 7), { queued: 1, room: 4 }).entries).toHaveLength(2);
    expect(cursor.phase).toBe('behind');
    cursor.onAcked(false);
    expect(next(cursor).after).toEqual(at(6));
  });

  it('leaves a gap in front of a slice that does not follow', () => {
    const cursor = joined(3, 9);
    expect(cursor.onSlice(slice([8, 9], 9, { isComplete: false }), QUEUE).after).toBe(7);
  });

  it('has no gap where messages of a keyed channel were skipped, and has one in another epoch', () => {
    const cursor = joined(3, 9);
    cursor.onSlice(slice([5], 5, { reached: 9 }), QUEUE);
    cursor.onReached(at(9));
    const other = { ...tail(1), epoch: 'f' };
    expect([cursor.phase, cursor.onTail(tail(10), 1, QUEUE), cursor.after]).toEqual(['live', true, 5]);
    expect([cursor.onTail(other, 1, QUEUE), cursor.after]).toEqual([true, 0]);
  });

  it('knows the removed keys up to its position, or else up to the end of its first slice', () => {
    const fresh = new MemberCursor();
    fresh.onJoin({ channel: 'room', join: 1 }, slice([], 9));
    expect([next(joined(3, 9)).since, next(fresh).since]).toEqual([3, 9]);
  });

  it('stays done', () => {
    const cursor = live(3);
    cursor.phase = 'done';
    cursor.onAcked(false);
    cursor.onReached(at(9));
    expect(cursor.phase).toBe('done');
  });
});
