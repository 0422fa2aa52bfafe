import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { catchError, concat, defer, EMPTY, fromEventPattern, ignoreElements, startWith, timer, type Observable } from 'rxjs';
import { conflateByKey, ofType, ReplyError, type Message, type RequestTypes } from 'rxwire';
import { applyUpdate, encodeStateAsUpdate, encodeStateVector, type Doc } from 'yjs';
import { createDocument, REMOTE, textIn } from '../document.js';
import { createTrial } from './documentTrial.js';
import type { Workspace } from './workspace.js';

/** The text of a workspace, as the server has it. */
export interface WorkspaceDocument {
  readonly text: () => string;
  /** What the asker lacks, and how far this one is. */
  readonly sync: (vector: unknown) => RequestTypes['document.sync']['reply'];
  /**
   * Looks at what a page wants to publish, before anybody else gets it.
   *
   * @throws {RangeError} If it is an edit, or a caret, that would do harm.
   */
  readonly check: (message: Message) => void;
}

/** Where the text is written, among the files of the workspace. */
const FILE = 'program.mjs';

/** How long the file stays as it is, in ms, however fast people type. */
const WRITE_INTERVAL = 300;

/** A caret is a place: a few numbers. */
const MAX_CARET = 64;

/** Opens the text of a workspace: it takes in what pages publish, and is written to a file as it changes. */
export function openDocument({ folder, channel, life }: Pick<Workspace, 'folder' | 'channel' | 'life'>): WorkspaceDocument {
  const doc = createDocument();
  const trial = createTrial(doc);
  life.add(() => doc.destroy());
  life.add(channel.pipe(ofType('document.edit')).subscribe(({ payload }) => applyUpdate(doc, payload.update, REMOTE)));
  life.add(written(doc, join(folder, FILE)).subscribe());

  return {
    text: () => textIn(doc).toJSON(),
    sync: (vector) => ({ update: since(doc, vector), vector: encodeStateVector(doc) }),
    check({ type, payload }) {
      const fields = Object(payload) as Readonly<Record<string, unknown>>;
      if (type === 'document.edit') trial(fields['update']);
      else if (!isPlace(fields['anchor']) || !isPlace(fields['head'])) throw new RangeError('a caret must be two places');
    },
  };
}

function isPlace(value: unknown): boolean {
  return value instanceof Uint8Array && value.length <= MAX_CARET;
}

function since(doc: Doc, vector: unknown): Uint8Array {
  try {
    return encodeStateAsUpdate(doc, vector as Uint8Array);
  } catch {
    throw new ReplyError('ERR_BAD_REQUEST', 'document.sync needs the vector of a document');
  }
}

/** Writes the text when it has changed: never twice at once, and the latest only. */
function written(doc: Doc, file: string): Observable<never> {
  const changes$ = fromEventPattern(
    (listener) => doc.on('update', listener),
    (listener) => doc.off('update', listener),
  );
  const write$ = defer(() => writeFile(file, textIn(doc).toJSON())).pipe(
    // Its folder has just gone, or the disk is full: the text is still here.
    catchError(() => EMPTY),
  );
  return changes$.pipe(
    startWith(undefined),
    conflateByKey(
      () => file,
      () => concat(write$, timer(WRITE_INTERVAL)),
    ),
    ignoreElements(),
  );
}
