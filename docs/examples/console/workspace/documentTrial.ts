import { applyUpdate, Doc, encodeStateAsUpdate, getItem, type ID, type Item } from 'yjs';
import { MAX_TEXT, textIn } from '../document.js';
import { check, readUpdate } from './documentUpdate.js';

/**
 * Tries updates out on a copy of a document: on what is passed here, all who get it agree.
 *
 * @throws {RangeError} At an update that does harm. The document has not seen it.
 */
export function createTrial(doc: Doc): (update: unknown) => void {
  const renew = (): Doc => {
    const made = new Doc();
    applyUpdate(made, encodeStateAsUpdate(doc));
    return made;
  };
  let copy = renew();
  doc.on('update', (update) => applyUpdate(copy, update));

  return (update) => {
    check(update instanceof Uint8Array, 'an update must be bytes');
    const items = readUpdate(copy, update);
    try {
      applyUpdate(copy, update);
      check(textIn(copy).length <= MAX_TEXT, `the text must have ${MAX_TEXT} characters at most`);
      assertOrder(copy, items);
    } catch (error) {
      copy = renew();
      throw error;
    }
  };
}

/**
 * Each piece must be between those that it names. Where its right neighbour is left of its left one, its place would depend on what else a
 * page has by then: not all would see the same text.
 */
function assertOrder(doc: Doc, items: readonly Item[]): void {
  const starts = new Map<unknown, number>();
  let start = 0;
  for (let item = textIn(doc)._start; item; item = item.right) {
    starts.set(item, start);
    start += item.length;
  }
  const placeOf = (id: ID): number => {
    const item = getItem(doc.store, id);
    return (starts.get(item) ?? NaN) + id.clock - item.id.clock;
  };
  for (const { id, lastId, origin, rightOrigin } of items) {
    const isInOrder = (!origin || placeOf(origin) < placeOf(id)) && (!rightOrigin || placeOf(lastId) < placeOf(rightOrigin));
    check(isInOrder, 'a piece must be between its neighbours');
  }
}
