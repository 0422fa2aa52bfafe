import { indexedDbOutbox } from '../../../lib/stores/indexeddb/index.js';

describe('indexedDbOutbox', () => {
  it('has the limits of its options, which the sender keeps', () => {
    expect(indexedDbOutbox('a')).toMatchObject({ isDurable: true, maxMessages: 10_000, maxBytes: 16 * 1024 * 1024 });
    expect(indexedDbOutbox('a', { maxMessages: 2, maxBytes: 3 })).toMatchObject({ maxMessages: 2, maxBytes: 3 });
  });

  it.each(['maxMessages', 'maxBytes'])('refuses a %s that is not positive when called', (option) => {
    expect(() => indexedDbOutbox('a', { [option]: 0 })).toThrow(new RangeError(`indexedDbOutbox: "${option}" must be > 0, got 0`));
  });
});
