import { advance, isAnyBehind, lowest, moveToAnswer, type JoinPlace, type ReaderPosition } from '../../lib/channels/readerPositions.js';

const at = (offset: number, epoch = 'e') => ({ epoch, offset });
const reader = (position: ReaderPosition['position'], first: JoinPlace = {}): ReaderPosition => ({ position, first });

describe('the lowest position', () => {
  it.each([
    ['of the epoch of the membership', [at(1, 'f'), at(7), at(5)], 'e', at(5)],
    ['of the epoch of the first reader', [at(7), at(5), at(1, 'f')], 'g', at(5)],
    ['of readers before the first join', [at(2), at(1)], undefined, at(1)],
    ['of one that has a position', [undefined, at(3)], 'e', at(3)],
    ['of none', [undefined], 'e', undefined],
  ])('%s', (_, positions, epoch, expected) => {
    expect(
      lowest(
        positions.map((one) => reader(one)),
        epoch,
      ),
    ).toEqual(expected);
  });
});

describe('a reader at an answer', () => {
  const first: JoinPlace = { start: true };
  const [complete, incomplete] = [true, false];

  it.each([
    ['begins at its place', undefined, first, at(9), complete, at(9), undefined],
    ['begins at its place behind removed messages', undefined, first, at(9), incomplete, at(9), ['history', at(0)]],
    ['begins in an empty channel', undefined, first, at(0), complete, at(0), undefined],
    ['waits for a join for its own place', undefined, { after: at(4) }, at(9), complete, undefined, undefined],
    ['has its messages sent', at(4), { after: at(4) }, at(9), complete, at(9), undefined],
    ['misses removed messages', at(4), { after: at(4) }, at(9), incomplete, at(9), ['history', at(4)]],
    ['is unknown to a hub that has reached less', at(7), { after: at(7) }, at(5), incomplete, at(5), ['history', at(7)]],
    ['in front of the others misses nothing', at(9), { after: at(4) }, at(7), incomplete, at(9), undefined],
    ['behind the requested position waits', at(2), { after: at(4) }, at(9), complete, at(2), undefined],
    ['waits while another one is placed', at(4), first, at(9), complete, at(4), undefined],
    ['has the messages of another place already', at(9), first, at(9), complete, at(9), undefined],
    ['of another epoch has a gap', at(4, 'f'), { after: at(4, 'f') }, at(9), incomplete, at(9), ['epoch', at(4, 'f')]],
    ['of another epoch than a complete answer has a gap', at(4, 'f'), { after: at(2) }, at(9), complete, at(9), ['epoch', at(4, 'f')]],
  ] as const)('%s', (_, position, place, to, isComplete, expected, gap) => {
    const one = reader(position, first);
    const gaps = moveToAnswer([one], place, to, isComplete);
    expect(one.position).toEqual(expected);
    const [reason, after] = gap ?? [];
    expect([...gaps.values()]).toEqual(gap ? [{ reason, after, next: at(to.offset + 1) }] : []);
    expect(one.hasGap === true).toBe(gap !== undefined);
  });
});

it('only the readers at a position advance, and the others may be behind', () => {
  const readers = [at(4), at(9), at(5), at(4, 'f'), undefined].map((position) => reader(position));
  const [one, ahead, inside] = readers as [ReaderPosition, ReaderPosition, ReaderPosition];
  expect(advance(readers, at(4), at(9))).toEqual([one]);
  expect(one.position).toEqual(at(9));
  expect(isAnyBehind([one, ahead], at(9))).toBe(false);
  expect(isAnyBehind([one, inside], at(9))).toBe(true);
  const all = [one, ahead];
  expect(advance(all, at(9), at(10))).toBe(all);
});
