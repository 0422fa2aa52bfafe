import { createKeyedEntries, type KeyedEntry } from '../../lib/channels/keyedContent.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { seeded } from '../support/seeded.js';

const entry = (offset: number): KeyedEntry => ({
  offset,
  key: String(offset),
  bytes: offset % 7,
  at: 0,
  isDeletion: false,
  message: createMessage('note', offset),
});
const offsets = (entries: readonly KeyedEntry[]): number[] => entries.map(({ offset }) => offset);

describe('keyed entries', () => {
  it.each([1, 2, 3])('equal those of a plain list after random additions and removals (seed %i)', (seed) => {
    const random = seeded(seed);
    const entries = createKeyedEntries();
    let model: KeyedEntry[] = [];
    let offset = 0;
    for (let step = 0; step < 3_000; step++) {
      const victim = random() < 0.3 ? model[0] : model[Math.floor(random() * model.length)];
      // Phases in which the list grows, and in which it becomes empty.
      if (victim && random() < (step % 1_000 < 500 ? 0.4 : 0.7)) {
        entries.remove(victim);
        model = model.filter((other) => other !== victim);
      } else {
        const added = entry((offset += 1 + Math.floor(random() * 3)));
        entries.add(added);
        model.push(added);
      }
      const place = Math.floor(random() * (offset + 2));
      expect(offsets(entries.after(place, 5))).toEqual(offsets(model.filter((other) => other.offset > place).slice(0, 5)));
      expect(offsets(entries.before(place, 5))).toEqual(offsets(model.filter((other) => other.offset < place).slice(-5)));
      expect([entries.size, entries.oldest()?.offset]).toEqual([model.length, model[0]?.offset]);
    }
    expect(entries.bytes).toBe(model.reduce((sum, { bytes }) => sum + bytes, 0));
  });
});
