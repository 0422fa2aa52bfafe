import { parsePosition, positionText, step } from '../../lib/channels/channelPosition.js';

const at = (offset: number, epoch = 'e') => ({ epoch, offset });

describe('the step of a reader', () => {
  it.each([
    ['the next message', at(4), at(5), undefined, 'next'],
    ['a message behind skipped ones that the reader need not have', at(4), at(9), 4, 'next'],
    ['a message that stands for more than the reader has', at(4), at(9), 2, 'next'],
    ['the message at the position', at(5), at(5), undefined, 'repeat'],
    ['an earlier message', at(5), at(3), undefined, 'repeat'],
    ['a message behind missing ones', at(4), at(6), undefined, 'gap'],
    ['a message behind one that the reader does not have', at(4), at(9), 5, 'gap'],
    ['a message of another epoch', at(4), at(5, 'f'), 4, 'gap'],
    ['an earlier offset of another epoch', at(4), at(3, 'f'), undefined, 'gap'],
    ['a message for a reader without a position', undefined, at(1), undefined, 'gap'],
  ])('to %s', (_, position, entry, after, expected) => {
    expect(step(position, entry, after)).toBe(expected);
  });
});

it('a position survives as text', () => {
  expect(parsePosition(positionText(at(12, 'a.b')))).toEqual(at(12, 'a.b'));
  expect(parsePosition('12')).toBeUndefined();
});
