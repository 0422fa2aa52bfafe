import { ContentDeleted, ContentString, decodeUpdate, getState, Item, type AbstractStruct, type Doc, type ID } from 'yjs';
import { ROOT } from '../document.js';

/** Pieces that a document may consist of, deleted ones too: the whole of it must fit into one frame. */
export const MAX_PIECES = 20_000;

/** Pages that may ever have written into a document. */
const MAX_AUTHORS = 1_000;

/** Yjs counts an author's characters; so many nobody types. */
const MAX_CLOCK = 2 ** 31;

/**
 * Reads an update before it is taken over or passed on. Yjs believes what it is given: it keeps what refers to the unknown, for ever,
 * and lets anybody add roots and kinds of content that a text cannot show. Here an update is text that stands on what is known.
 *
 * @throws {RangeError} If it is anything else, or of too many pieces.
 */
export function readUpdate(doc: Doc, update: Uint8Array): readonly Item[] {
  // Throws at bytes that are no update.
  const { structs, ds } = decodeUpdate(update);
  const items = structs.map(asText);
  const authors = new Set(items.map(({ id }) => id.client));
  check(authors.size === blocksIn(update), 'an author must come once');
  check(authors.size + doc.store.clients.size <= MAX_AUTHORS, 'there are too many authors');

  const clocks = follow(doc, items);
  let pieces = items.length + [...doc.store.clients.values()].reduce((sum, { length }) => sum + length, 0);
  for (const [client, ranges] of ds.clients) {
    let end = 0;
    for (const { clock, len } of ranges) {
      check(clock >= end && len > 0, 'what is deleted must be in order');
      end = clock + len;
    }
    check(end <= (clocks.get(client) ?? getState(doc.store, client)), 'what is deleted must be known');
    pieces += ranges.length;
  }
  check(pieces <= MAX_PIECES, 'the document consists of too many pieces');
  return items;
}

/** Text of this document, or what is left of it. */
function asText(struct: AbstractStruct): Item {
  check(struct instanceof Item, 'an update must be text');
  const { content, origin, rightOrigin, parent, parentSub, id, length } = struct;
  // A textarea knows no carriage returns: places behind one would not be the same everywhere.
  const isText = content instanceof ContentString ? !content.str.includes('\r') : content instanceof ContentDeleted;
  check(isText && length > 0 && id.clock + length <= MAX_CLOCK, 'an update must be text');
  check(parentSub === null && (origin !== null || rightOrigin !== null || (parent as unknown) === ROOT), 'an update must be of the text');
  return struct;
}

/** How far each author comes, if each piece comes after what it refers to. */
function follow(doc: Doc, items: readonly Item[]): ReadonlyMap<number, number> {
  const clocks = new Map<number, number>();
  const clockOf = (client: number): number => clocks.get(client) ?? getState(doc.store, client);
  const isKnown = (id: ID | null): boolean => id === null || id.clock < clockOf(id.client);
  const follows = ({ id, origin, rightOrigin }: Item): boolean => id.clock <= clockOf(id.client) && isKnown(origin) && isKnown(rightOrigin);

  const queues = queuesOf(items);
  let hasMoved = true;
  while (hasMoved) {
    hasMoved = false;
    for (const queue of queues) {
      for (let item = queue.at(-1); item && follows(item); item = queue.at(-1)) {
        clocks.set(item.id.client, Math.max(clockOf(item.id.client), item.id.clock + item.length));
        hasMoved = queue.pop() !== undefined;
      }
    }
  }
  check(
    queues.every(({ length }) => length === 0),
    'an update must follow what is known',
  );
  return clocks;
}

/** The pieces of each author, the first one last. */
function queuesOf(items: readonly Item[]): readonly Item[][] {
  const queues = new Map<number, Item[]>();
  for (const item of [...items].reverse()) {
    const queue = queues.get(item.id.client);
    if (queue) queue.push(item);
    else queues.set(item.id.client, [item]);
  }
  return [...queues.values()];
}

/** The number that an update begins with, 7 bits a byte: how many authors it says to have. */
function blocksIn(update: Uint8Array): number {
  let blocks = 0;
  for (const [index, byte] of update.entries()) {
    blocks += (byte & 0x7f) * 128 ** index;
    if (byte < 0x80) break;
  }
  return blocks;
}

export function check(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new RangeError(problem);
}
