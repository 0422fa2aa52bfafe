import { memoryDeadLetters } from '../../lib/stores/memoryDeadLetters.js';
import { deadLetterCases, letter } from '../support/deadLetterCases.js';
import { record } from '../support/record.js';

describe('memoryDeadLetters', () => {
  it.each(Object.entries(deadLetterCases))('%s', (_, check) => check(memoryDeadLetters({ maxSize: 3 })));

  it('keeps 1,000 by default', () => {
    const letters = memoryDeadLetters();
    const dropped = record(letters.dropped$);
    for (let n = 0; n < 1_001; n++) void letters.add(letter(String(n)));
    expect(dropped.values.map(({ message: { id } }) => id)).toEqual(['0']);
  });

  it('keeps 16 MiB by default, and at least the newest letter', () => {
    const letters = memoryDeadLetters();
    const dropped = record(letters.dropped$);
    const big = (id: string, size: number) => ({ ...letter(id), error: 'x'.repeat(size) });
    for (const id of ['a', 'b', 'c']) void letters.add(big(id, 6 * 1_048_576));
    expect(dropped.values.map(({ message: { id } }) => id)).toEqual(['a']);
    letters.remove(2).subscribe();
    void letters.add(big('d', 6 * 1_048_576));
    expect(dropped.values).toHaveLength(1);
    void letters.add(big('e', 17 * 1_048_576));
    expect(record(letters.list()).values.map(({ message: { id } }) => id)).toEqual(['e']);
  });

  it.each(['maxSize', 'maxBytes'])('refuses a %s that is not positive', (limit) => {
    expect(() => memoryDeadLetters({ [limit]: 0 })).toThrow(RangeError);
  });
});
