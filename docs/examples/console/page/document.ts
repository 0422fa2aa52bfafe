import { catchError, concat, defer, ignoreElements, merge, of, tap, type Observable } from 'rxjs';
import { ChannelRefusedError } from 'rxwire';
import { createDocument } from '../document.js';
import { showCarets } from './carets.js';
import { bindDocument } from './documentBinding.js';
import { syncDocument } from './documentSync.js';
import type { Editor } from './editor.js';
import { entry } from './events.js';
import type { Entry } from './timeline.js';
import type { SharedWorkspace } from './workspace.js';

/**
 * Makes the editor one that all in the workspace share.
 *
 * @param examples$ What the whole text is to be replaced by.
 */
export function editTogether(editor: Editor, workspace: SharedWorkspace, examples$: Observable<string>): Observable<Entry> {
  return defer(() => {
    const doc = createDocument();
    const { bound$, composing$, replace } = bindDocument(doc, editor);
    const synced$ = syncDocument(doc, workspace, { hold$: composing$ });
    const replaced$ = examples$.pipe(tap(replace));
    return merge(bound$, synced$, showCarets(doc, editor, workspace), replaced$).pipe(ignoreElements());
  }).pipe(catchError(recover));
}

/** Begins anew with the text that the server has. Who is not let in edits alone. */
function recover(error: unknown, again$: Observable<Entry>): Observable<Entry> {
  if (!(error instanceof ChannelRefusedError)) {
    // The rest of the page goes on.
    reportError(error);
    return of(entry('bad', 'What you write is not shared any more: reload the page'));
  }
  if (error.action === 'join') return of(entry('bad', 'This workspace lets nobody in: what you write is not shared'));
  return concat(of(entry('bad', 'There is no room for what you wrote last: it was taken back')), again$);
}
