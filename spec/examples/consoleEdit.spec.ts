import fc from 'fast-check';
import { applyUpdate, Doc, encodeStateAsUpdate } from 'yjs';
import { textIn } from '../../docs/examples/console/document.js';
import { editOf, shiftBy, type Edit } from '../../docs/examples/console/page/documentEdit.js';

const apply = (text: string, { at, removed, inserted }: Edit): string => text.slice(0, at) + inserted + text.slice(at + removed);
/** Texts with much in common, and characters of two halves, of which some share one. */
const words = fc.array(fc.constantFrom('a', 'b', '\n', '😀', '😁', '🂡', 'é'), { maxLength: 12 }).map((letters) => letters.join(''));
const isWhole = (text: string): boolean => !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);

describe('the edit between two texts', () => {
  it('leads from one to the other, wherever the caret is, and never through the middle of a character', () => {
    fc.assert(
      fc.property(words, words, fc.nat(30), (before, after, caret) => {
        const edit = editOf(before, after, Math.min(caret, after.length));
        expect(apply(before, edit)).toBe(after);
        expect(isWhole(before.slice(0, edit.at)) && isWhole(before.slice(edit.at + edit.removed)) && isWhole(edit.inserted)).toBe(true);
      }),
    );
  });

  it('contains only the typed text and its place', () => {
    fc.assert(
      fc.property(words, words, fc.nat(12), fc.nat(12), (before, typed, from, length) => {
        const at = Math.min(from, before.length);
        const removed = Math.min(length, before.length - at);
        fc.pre(isWhole(before.slice(0, at)) && isWhole(before.slice(at + removed)));
        const edit = editOf(before, apply(before, { at, removed, inserted: typed }), at + typed.length);
        expect(edit.removed).toBeLessThanOrEqual(removed);
        expect(edit.inserted.length).toBeLessThanOrEqual(typed.length);
        if (removed === 0 && typed !== '') expect(edit).toEqual({ at, removed, inserted: typed });
      }),
    );
  });

  it('is nothing between two that are the same', () => {
    fc.assert(fc.property(words, (text) => expect(editOf(text, text)).toMatchObject({ removed: 0, inserted: '' })));
  });

  it('merges two documents after different edits', () => {
    const typing = fc.record({ at: fc.nat(20), removed: fc.nat(4), inserted: words });
    fc.assert(
      fc.property(words, fc.array(fc.tuple(fc.boolean(), typing), { maxLength: 10 }), (start, typings) => {
        const [ann, bob] = [new Doc(), new Doc()];
        textIn(ann).insert(0, start);
        const sent: [Doc, Uint8Array][] = [];
        applyUpdate(bob, encodeStateAsUpdate(ann));
        ann.on('update', (update: Uint8Array) => sent.push([bob, update]));
        bob.on('update', (update: Uint8Array) => sent.push([ann, update]));
        for (const [isAnn, { at, removed, inserted }] of typings) {
          const text = textIn(isAnn ? ann : bob);
          const before = text.toJSON();
          const place = Math.min(at, before.length);
          const after = apply(before, { at: place, removed, inserted });
          // Nobody types between the halves of a character.
          if (!isWhole(after)) continue;
          const edit = editOf(before, after, place + inserted.length);
          if (edit.removed > 0) text.delete(edit.at, edit.removed);
          if (edit.inserted !== '') text.insert(edit.at, edit.inserted);
          expect(text.toJSON()).toBe(after);
        }
        sent.splice(0).forEach(([doc, update]) => applyUpdate(doc, update));
        expect(textIn(ann).toJSON()).toBe(textIn(bob).toJSON());
      }),
    );
  });
});

describe('a place, when the text has changed', () => {
  it('stays at its character', () => {
    fc.assert(
      fc.property(words, words, fc.nat(12), fc.nat(12), fc.nat(20), (before, inserted, from, length, where) => {
        const at = Math.min(from, before.length);
        const edit = { at, removed: Math.min(length, before.length - at), inserted };
        const place = Math.min(where, before.length);
        const moved = shiftBy(edit, place);
        if (place < at || place >= at + edit.removed) {
          const character = place === at && edit.removed === 0 ? undefined : before[place];
          if (character !== undefined) expect(apply(before, edit)[moved]).toBe(character);
        } else expect(moved).toBe(at);
      }),
    );
  });
});
