import { createMessage } from '../../../lib/message/createMessage.js';
import type { Parcel } from '../../../lib/server/session/fanOut.js';
import { DEFAULT_LIMITS } from '../../../lib/session/protocol/receiveLimits.js';
import { addParcel, answer, batchesOf, hasRoom, isUnacked, type Snapshot } from '../../../lib/server/session/snapshot.js';

const parcel = (...ids: readonly string[]): Parcel => ({
  messages: ids.map((id) => createMessage('test.any', null, { id })),
  body: JSON.stringify(ids),
  delivery: 'at-least-once',
  ackDelay: 0,
  sentAt: 0,
});

/** A session that has sent the numbers 1 to 5 in two parcels, and has processed 7 messages of its client. */
function start(): Snapshot {
  const cursor = { done: 7, finished: [] };
  const snapshot: Snapshot = {
    ...{ acked: 0, sent: 0, before: 0, bytes: 0, checked: 0, marked: Infinity, parcels: undefined, ackedSentAt: undefined },
    ...{ allowance: { window: 8, bytes: 1_000 }, lazyAcks: true, rejections: true, cursor, limits: DEFAULT_LIMITS, isWithin: true },
  };
  addParcel(snapshot, parcel('a', 'b', 'c'));
  addParcel(snapshot, parcel('d', 'e'));
  return snapshot;
}

const numbersOf = (snapshot: Snapshot) => batchesOf(snapshot).map(({ first, count }) => [first, count]);

describe('the snapshot of a session', () => {
  it('keeps the parcels that are not acked, with their numbers', () => {
    const snapshot = start();
    expect(numbersOf(snapshot)).toEqual([
      [1, 3],
      [4, 2],
    ]);
    expect(answer('["ack",3,8]', snapshot, 64)).toBe('');
    expect(numbersOf(snapshot)).toEqual([[4, 2]]);
    expect(answer('["ack",5,8]', snapshot, 64)).toBe('');
    expect([numbersOf(snapshot), snapshot.parcels, snapshot.bytes]).toEqual([[], undefined, 0]);
  });

  it('keeps all of a parcel that is acked in part', () => {
    const snapshot = start();
    answer('["ack",4,8]', snapshot, 64);
    expect([snapshot.acked, numbersOf(snapshot)]).toEqual([4, [[4, 2]]]);
    expect(['c', 'd', 'e'].map((id) => isUnacked(snapshot, id))).toEqual([false, false, true]);
  });

  it('applies the credit of an ack, also when the ack is repeated', () => {
    const snapshot = start();
    for (let times = 0; times < 2; times++) answer('["ack",1,6]', snapshot, 64);
    expect([snapshot.acked, snapshot.allowance]).toEqual([1, { window: 6, bytes: 1_000 }]);
    expect(hasRoom(snapshot, { maxMessages: 100, maxBytes: 10_000 }, parcel('f', 'g'))).toBe(true);
    expect(hasRoom(snapshot, { maxMessages: 100, maxBytes: 10_000 }, parcel('f', 'g', 'h'))).toBe(false);
  });

  it.each([
    ['a ping when all messages have come', '["ping",7]', '["ack",7,64]'],
    ['a ping when a message is missing', '["ping",8]', undefined],
    ['an ack of numbers that were not sent', '["ack",6,8]', undefined],
    ['a batch', '["msg",8,1,{}]', undefined],
  ])('answers %s: %s', (_, frame, expected) => {
    expect(answer(frame, start(), 64)).toBe(expected);
  });
});
