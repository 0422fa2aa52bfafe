import fc from 'fast-check';
import { applyUpdate, Doc, encodeStateAsUpdate, encodeStateVector, mergeUpdates } from 'yjs';
import { createDocument, ROOT, textIn } from '../../docs/examples/console/document.js';
import { createTrial } from '../../docs/examples/console/workspace/documentTrial.js';
import { MAX_PIECES } from '../../docs/examples/console/workspace/documentUpdate.js';

/** What a page with that author publishes that does this. */
function updateBy(author: number, act: (doc: Doc) => void): Uint8Array {
  const doc = createDocument();
  doc.clientID = author;
  const vector = encodeStateVector(doc);
  act(doc);
  return encodeStateAsUpdate(doc, vector);
}

const honest: readonly Uint8Array[] = [
  updateBy(5, (doc) => textIn(doc).insert(3, 'hello 😀')),
  updateBy(6, (doc) => textIn(doc).delete(2, 10)),
  updateBy(7, (doc) => {
    textIn(doc).insert(0, 'one');
    textIn(doc).insert(20, 'two');
    textIn(doc).delete(1, 5);
  }),
  encodeStateAsUpdate(createDocument()),
];

interface Damage {
  readonly at: number;
  readonly removed: number;
  readonly bytes: readonly number[];
}

function damaged(update: Uint8Array, damages: readonly Damage[]): Uint8Array {
  const bytes = [...update];
  for (const { at, removed, bytes: others } of damages) bytes.splice(at % (bytes.length + 1), removed, ...others);
  return Uint8Array.from(bytes);
}

describe('an update that is let in', () => {
  it('keeps a document valid when an update is damaged', () => {
    const damage = fc.record({
      at: fc.nat(400),
      removed: fc.nat(3),
      // Small numbers are what an update mostly consists of.
      bytes: fc.array(fc.oneof(fc.nat(8), fc.nat(255)), { maxLength: 3 }),
    });
    let passed = 0;
    fc.assert(
      fc.property(fc.constantFrom(...honest), fc.array(damage, { minLength: 1, maxLength: 3 }), (update, damages) => {
        const doc = createDocument();
        const bytes = damaged(update, damages);
        try {
          createTrial(doc)(bytes);
        } catch {
          return;
        }
        passed++;
        applyUpdate(doc, bytes);
        const shown = textIn(doc).toJSON();
        expect(doc.store).toMatchObject({ pendingStructs: null, pendingDs: null });
        expect([...doc.share.keys()]).toEqual([ROOT]);
        expect([textIn(doc).length, shown.includes('\r')]).toEqual([shown.length, false]);

        // Whoever gets it from there has the same.
        const other = new Doc();
        applyUpdate(other, encodeStateAsUpdate(doc));
        expect(textIn(other).toJSON()).toBe(shown);
      }),
      { numRuns: 500 },
    );
    expect(passed).toBeGreaterThan(20);
  });

  it.each(honest.map((update, index) => [index, update] as const))('may be any that a page makes (%i)', (_, update) => {
    expect(() => createTrial(createDocument())(update)).not.toThrow();
  });
});

describe('an update that is refused', () => {
  it('has more pieces than a document may', () => {
    const typed = (count: number): Uint8Array =>
      updateBy(5, (doc) => doc.transact(() => Array.from({ length: count }, () => textIn(doc).insert(0, 'x'))));
    expect(() => createTrial(createDocument())(typed(MAX_PIECES - 10))).not.toThrow();
    expect(() => createTrial(createDocument())(typed(MAX_PIECES + 1))).toThrow('too many pieces');
  });

  it('has a piece whose right neighbour is left of its left one', () => {
    const abc = [4, 1, 7, ...Buffer.from(ROOT), 3, ...Buffer.from('abc')];
    const between = (left: number, right: number): Uint8Array => Uint8Array.of(1, 2, 5, 0, ...abc, 0xc4, 5, left, 5, right, 1, 120, 0);
    expect(() => createTrial(createDocument())(between(0, 2))).not.toThrow();
    expect(() => createTrial(createDocument())(between(2, 0))).toThrow('between its neighbours');
  });

  it('has more authors than a document may', () => {
    const doc = createDocument();
    const by = (author: number): Uint8Array => updateBy(author, (own) => textIn(own).insert(0, 'x'));
    applyUpdate(doc, mergeUpdates(Array.from({ length: 998 }, (_, index) => by(index + 1))));
    expect(() => createTrial(doc)(by(1_000))).not.toThrow();
    applyUpdate(doc, by(1_000));
    expect(() => createTrial(doc)(by(1_001))).toThrow('too many authors');
  });
});
