import { FlowControl, hasRoom, mayStayLive, pageLimit, pageOf } from '../../lib/channels/flowControl.js';
import { note } from '../support/rooms.js';

const WHOLE = 262_144;
const PART = 32_768;
const KIB = 1_024;

const entries = (count: number, size: number) =>
  Array.from({ length: count }, (_, index) => ({ epoch: 'e', offset: index + 1, message: note('x'.repeat(size)) }));

describe('the flow control of a client', () => {
  it('lets readers wait while 256 KiB are not acked, and starts them in order', () => {
    const started: string[] = [];
    const flow = new FlowControl<string>((reader) => {
      started.push(reader);
      flow.reserve(PART);
    });
    flow.reserve(WHOLE);
    expect([flow.isFull, flow.mustWait]).toEqual([true, true]);
    ['a', 'b', 'c'].forEach((reader) => flow.waiting.add(reader));
    flow.release(PART);
    expect(started).toEqual(['a']);
    flow.release(2 * PART);
    expect(started).toEqual(['a', 'b', 'c']);
    expect([flow.isFull, flow.mustWait]).toEqual([true, true]);
    flow.release(1);
    expect(flow.mustWait).toBe(false);
  });

  it('lets a reader wait behind others, also when the client has acked enough', () => {
    const flow = new FlowControl<string>(() => undefined);
    flow.waiting.add('a');
    expect([flow.isFull, flow.mustWait]).toEqual([false, true]);
  });

  it('gives the only reader a whole page, and others a part', () => {
    const flow = new FlowControl<string>(() => undefined);
    expect(flow.pageBytes).toBe(WHOLE);
    flow.reserve(1);
    expect(flow.pageBytes).toBe(PART);
  });

  it('starts each reader once if one releases its place at once', () => {
    const started: string[] = [];
    const flow = new FlowControl<string>((reader) => {
      started.push(reader);
      flow.reserve(WHOLE);
      flow.release(WHOLE);
    });
    flow.reserve(WHOLE);
    ['a', 'b'].forEach((reader) => flow.waiting.add(reader));
    flow.release(WHOLE);
    expect(started).toEqual(['a', 'b']);
  });

  it('leaves room in the queue for other messages', () => {
    const queue = (room: number) => ({ queued: 1, room });
    expect([0, 2, 3].map((room) => hasRoom(queue(room)))).toEqual([false, false, true]);
    expect([0, 3, 100, Infinity].map((room) => pageLimit(queue(room)))).toEqual([1, 1, 98, 256]);
    expect([mayStayLive(512 * KIB, queue(3)), mayStayLive(512 * KIB + 1, queue(3)), mayStayLive(0, queue(2))]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('cuts a page by its size, its overhead and the room, but never to nothing', () => {
    const counts = (size: number, overhead?: number, room?: number) => pageOf(entries(600, size), overhead, room).entries.length;
    expect(counts(1)).toBe(600);
    expect(counts(300 * KIB)).toBe(1);
    expect(counts(100 * KIB)).toBe(2);
    expect(counts(1, KIB)).toBeLessThan(256);
    expect([counts(1, 0, 12), counts(1, 0, 0)]).toEqual([10, 1]);
    expect(pageOf([])).toEqual({ entries: [], bytes: 0 });
  });
});
