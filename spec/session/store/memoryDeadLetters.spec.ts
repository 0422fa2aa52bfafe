import { memoryDeadLetters } from '../../../lib/session/store/memoryDeadLetters.js';
import { deadLetterCases, letter } from '../../support/deadLetterCases.js';
import { record } from '../../support/record.js';

describe('memoryDeadLetters', () => {
  it.each(Object.entries(deadLetterCases))('%s', (_, check) => check(memoryDeadLetters({ maxSize: 3 })));

  it('keeps 1,000 by default', () => {
    const letters = memoryDeadLetters();
    const dropped = record(letters.dropped$);
    for (let n = 0; n < 1_001; n++) void letters.add(letter(String(n)));
    expect(dropped.values.map(({ message: { id } }) => id)).toEqual(['0']);
  });

  it('refuses a size that is not positive', () => {
    expect(() => memoryDeadLetters({ maxSize: 0 })).toThrow(RangeError);
  });
});
