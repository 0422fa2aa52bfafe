import { catchError, filter, fromEvent, ignoreElements, map, merge, mergeMap, of, switchMap, tap, type Observable } from 'rxjs';
import { ofType } from 'rxwire';
import { fileIn } from '../messages.js';
import { download, remove, upload } from '../transfers.js';
import { byId, the } from './dom.js';
import { wordsFor } from './errorWords.js';
import { entry } from './events.js';
import { createFileList } from './fileList.js';
import type { Entry } from './timeline.js';
import type { SharedWorkspace } from './workspace.js';

/** Files that are sent at once; the others wait for their turn. */
const UPLOADS = 3;

/** Shows the files of a workspace as they come, change and go, sends and fetches some, and emits what people should know of. */
export function showFiles({ id, wire, channel, state }: SharedWorkspace): Observable<Entry> {
  const list = createFileList();
  const tell = (text: string) => catchError<never, Observable<Entry>>((error: Error) => of(entry('bad', `${text}: ${wordsFor(error)}`)));

  const forgotten$ = state.gaps$.pipe(tap(() => list.clear()));
  const changed$ = state.pipe(
    ofType('file.change'),
    tap(({ payload }) => {
      if (payload.operation === 'delete') list.remove(payload.path);
      else list.show(fileIn(payload));
    }),
  );
  const progress$ = channel.pipe(
    ofType('file.upload'),
    tap(({ payload }) => {
      const { path, progress } = payload;
      if (progress === undefined) list.giveUp(path);
      else if (progress < 1) list.setProgress(path, progress);
      else list.finish(fileIn(payload));
    }),
  );
  const uploaded$ = merge(chosenFiles(), droppedFiles()).pipe(
    mergeMap(
      (file) =>
        upload(wire, channel, id, file).pipe(
          ignoreElements(),
          tap({ error: () => list.giveUp(`/${file.name}`) }),
          tell(`${file.name} was not uploaded`),
        ),
      UPLOADS,
    ),
  );
  const downloaded$ = list.download$.pipe(
    switchMap((path) =>
      download(wire, id, path).pipe(
        tap((blob) => save(blob, path.slice(1))),
        ignoreElements(),
        tell(`${path.slice(1)} was not downloaded`),
      ),
    ),
  );
  const removed$ = list.remove$.pipe(
    mergeMap((path) => remove(wire, id, path).pipe(ignoreElements(), tell(`${path.slice(1)} was not deleted`))),
  );
  return merge(merge(forgotten$, changed$, progress$).pipe(ignoreElements()), uploaded$, downloaded$, removed$);
}

function chosenFiles(): Observable<File> {
  const input = the('upload-input', HTMLInputElement);
  return merge(
    fromEvent<never>(byId('upload'), 'click').pipe(
      tap(() => input.click()),
      ignoreElements(),
    ),
    fromEvent(input, 'change').pipe(
      mergeMap(() => {
        const files = [...(input.files ?? [])];
        // The same file can be chosen again.
        input.value = '';
        return files;
      }),
    ),
  );
}

/** Files that are dropped anywhere on the page. */
function droppedFiles(): Observable<File> {
  const card = byId('files-card');
  const over$ = fromEvent<DragEvent>(document, 'dragover').pipe(tap((event) => event.preventDefault()));
  const dropped$ = fromEvent<DragEvent>(document, 'drop').pipe(tap((event) => event.preventDefault()));
  const isHovered$ = merge(
    over$.pipe(map(() => true)),
    dropped$.pipe(map(() => false)),
    fromEvent<DragEvent>(document, 'dragleave').pipe(
      filter(({ relatedTarget }) => relatedTarget === null),
      map(() => false),
    ),
  );
  return merge(
    isHovered$.pipe(
      tap((isHovered) => (card.dataset['hovered'] = String(isHovered))),
      ignoreElements(),
    ),
    dropped$.pipe(mergeMap(({ dataTransfer }) => [...(dataTransfer?.files ?? [])])),
  );
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
