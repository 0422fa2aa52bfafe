import { filter, fromEvent, fromEventPattern, ignoreElements, map, merge, tap, using, type Observable } from 'rxjs';
import { UndoManager, type Doc, type Transaction, type YTextEvent } from 'yjs';
import { MAX_TEXT, textIn } from '../document.js';
import { editOf, type Edit } from './documentEdit.js';
import type { Editor } from './editor.js';

/** What was written into the textarea, and so is there already. */
const TYPED = Symbol('typed');
/** What was written here, but not there. */
const REPLACED = Symbol('replaced');

export interface Binding {
  /** Keeps the editor and the document the same. */
  readonly bound$: Observable<never>;
  /** Whether a character is being composed: a textarea that changes meanwhile would disturb that. */
  readonly composing$: Observable<boolean>;
  /** Replaces all of the text, as one step that can be undone. */
  readonly replace: (code: string) => void;
}

/** Binds an editor to the text of a document: what is typed goes in, what others write comes out, and undoing undoes what was written here. */
export function bindDocument(doc: Doc, editor: Editor): Binding {
  const text = textIn(doc);
  const { source } = editor;
  const undo = new UndoManager(text, { trackedOrigins: new Set([TYPED, REPLACED]) });

  const write = ({ at, removed, inserted }: Edit, origin: symbol): void =>
    doc.transact(() => {
      if (removed > 0) text.delete(at, removed);
      if (inserted !== '') text.insert(at, inserted);
    }, origin);
  const take = (): void => {
    const before = text.toJSON();
    if (source.value !== before) write(editOf(before, source.value, source.selectionEnd), TYPED);
  };
  const show = ([event, transaction]: [YTextEvent, Transaction]): void => {
    const origin: unknown = transaction.origin;
    if (origin === TYPED) return;
    const edits = editsIn(event);
    editor.change(edits);
    editor.set(text.toJSON());
    const last = edits.at(-1);
    // Who undoes something wants to see it.
    if (origin === undo && last) editor.select(last.at + last.inserted.length);
  };
  const replace = (code: string): void => {
    undo.stopCapturing();
    write({ at: 0, removed: text.length, inserted: code }, REPLACED);
    undo.stopCapturing();
    editor.select(0);
  };

  type Listener = (event: YTextEvent, transaction: Transaction) => void;
  const changes$: Observable<[YTextEvent, Transaction]> = fromEventPattern(
    (listener: Listener) => text.observe(listener),
    (listener: Listener) => text.unobserve(listener),
  );
  const typed$ = fromEvent<InputEvent>(source, 'input').pipe(
    filter(({ isComposing }) => !isComposing),
    tap(take),
  );
  const bound$ = using(
    () => {
      source.maxLength = MAX_TEXT;
      editor.set(text.toJSON());
      return { unsubscribe: () => undo.destroy() };
    },
    () => merge(changes$.pipe(tap(show)), typed$, undoings(source, undo)).pipe(ignoreElements()),
  );
  const composing$ = merge(
    fromEvent(source, 'compositionstart').pipe(map(() => true)),
    // What was composed goes in before what has waited for that.
    fromEvent(source, 'compositionend').pipe(
      tap(take),
      map(() => false),
    ),
  );
  return { bound$, composing$, replace };
}

/** Undoes and redoes by keys, and by the browser's menus. */
function undoings(source: HTMLTextAreaElement, undo: UndoManager): Observable<unknown> {
  const keys$ = fromEvent<KeyboardEvent>(source, 'keydown').pipe(
    filter(({ isComposing, altKey, ctrlKey, metaKey }) => !isComposing && !altKey && (ctrlKey || metaKey)),
    map((event) => ({
      event,
      isUndo: event.key.toLowerCase() === 'z' && !event.shiftKey,
      isRedo: /^(Z|y|Y)$/.test(event.key) || (event.shiftKey && event.key === 'z'),
    })),
  );
  const menus$ = fromEvent<InputEvent>(source, 'beforeinput').pipe(
    map((event) => ({ event, isUndo: event.inputType === 'historyUndo', isRedo: event.inputType === 'historyRedo' })),
  );
  return merge(keys$, menus$).pipe(
    filter(({ isUndo, isRedo }) => isUndo || isRedo),
    tap(({ event, isUndo }) => {
      event.preventDefault();
      if (isUndo) undo.undo();
      else undo.redo();
    }),
  );
}

/** What an event tells, one edit after the other. */
function editsIn({ delta }: YTextEvent): Edit[] {
  const edits: Edit[] = [];
  let at = 0;
  for (const { retain = 0, insert = '', delete: removed = 0 } of delta) {
    const inserted = typeof insert === 'string' ? insert : '';
    at += retain;
    if (removed > 0 || inserted !== '') edits.push({ at, removed, inserted });
    at += inserted.length;
  }
  return edits;
}
