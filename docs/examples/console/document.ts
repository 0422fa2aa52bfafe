import { applyUpdate, Doc, encodeStateAsUpdate, type Text } from 'yjs';
import { samples } from './page/samples.js';

/** Characters that the text of a workspace may have. */
export const MAX_TEXT = 200_000;

/** The root under which the text is, the only one that there is. */
export const ROOT = 'program';

/** What an update that has come over the wire is marked with, so that it is not sent back. */
export const REMOTE = Symbol('remote');

/** The text that all edit. */
export const textIn = (doc: Doc): Text => doc.getText(ROOT);

/**
 * A document that begins with the first example. Wherever it is made, the same words have the same author: when a server that was
 * restarted meets a page that goes on with the old text, they are one beginning, not two.
 */
export function createDocument(): Doc {
  const code = samples[0]?.code ?? '';
  const author = new Doc();
  // Other words have another author: nobody takes them for these.
  author.clientID = hash(code);
  textIn(author).insert(0, code);
  const doc = new Doc();
  applyUpdate(doc, encodeStateAsUpdate(author), REMOTE);
  return doc;
}

/** 32 bits of a text: FNV-1a. */
export function hash(text: string): number {
  let bits = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) bits = Math.imul(bits ^ text.charCodeAt(index), 0x01000193);
  return bits >>> 0;
}
