import { faultsOf } from './streams.js';

const outputs = [
  ['0:0:a;', '0:1:b;'],
  ['1:0:c;', '1:1:d;'],
];
const whole = '0:0:a;1:0:c;1:1:d;0:1:b;';

describe('the comparison of what a reader has with the outputs of the writers', () => {
  it('finds nothing wrong with each piece once, in the order of the other readers', () => {
    expect(faultsOf(whole, outputs, whole)).toEqual([]);
  });

  it.each([
    ['a missing piece', '0:0:a;1:1:d;0:1:b;', '1 of 2 pieces of writer 1, the first 0 are right'],
    ['a missing end', '0:0:a;1:0:c;1:1:d;', '1 of 2 pieces of writer 0, the first 1 are right'],
    ['a piece that is there twice', '0:0:a;1:0:c;1:1:d;0:1:b;0:1:b;', '3 of 2 pieces of writer 0, the first 2 are right'],
    ['another order of one writer', '0:1:b;1:0:c;1:1:d;0:0:a;', '2 of 2 pieces of writer 0, the first 0 are right'],
    [
      'another order of the writers',
      '1:0:c;0:0:a;1:1:d;0:1:b;',
      'the pieces of the writers are in another order than those of the first reader',
    ],
  ])('finds %s', (_, text, fault) => {
    expect(faultsOf(text, outputs, whole)).toEqual([fault]);
  });
});
