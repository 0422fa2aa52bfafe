import { filter, fromEvent, map, merge, startWith, Subject, tap, type Observable } from 'rxjs';
import { byId, the } from './dom.js';
import { highlight } from './highlight.js';

export interface Editor {
  readonly code: string;
  /** Emits when Control or Command and Enter are pressed. */
  readonly submit$: Observable<unknown>;
  readonly load: (code: string) => void;
}

/** A textarea with line numbers and colours behind it. */
export function createEditor(): Editor {
  const source = the('source', HTMLTextAreaElement);
  const loaded$ = new Subject<void>();
  const keys$ = fromEvent<KeyboardEvent>(source, 'keydown');

  merge(fromEvent(source, 'input'), loaded$)
    .pipe(
      startWith(0),
      map(() => source.value),
    )
    .subscribe(paint);
  keys$.pipe(filter((event) => !event.isComposing)).subscribe(createKeyHandler(source));

  return {
    get code() {
      return source.value;
    },
    submit$: keys$.pipe(
      filter((event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.repeat),
      tap((event) => event.preventDefault()),
    ),
    load(code) {
      source.value = code;
      loaded$.next();
      byId('code').scrollTo(0, 0);
    },
  };
}

function paint(code: string): void {
  // A pre swallows a last empty line, a textarea shows it.
  byId('paint').replaceChildren(...highlight(code), '\n');
  byId('gutter').textContent = code
    .split('\n')
    .map((_, index) => index + 1)
    .join('\n');
}

/** Tab and Enter indent. After Escape, Tab moves on, so that nobody is caught in the editor. */
function createKeyHandler(source: HTMLTextAreaElement): (event: KeyboardEvent) => void {
  let isLeaving = false;
  return (event) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (event.key === 'Tab' && isPlain && !isLeaving) insert(event, '  ');
    if (event.key === 'Enter' && isPlain) insert(event, `\n${indentAt(source)}`);
    isLeaving = event.key === 'Escape';
  };
}

function indentAt({ value, selectionStart }: HTMLTextAreaElement): string {
  const line = value.slice(value.lastIndexOf('\n', selectionStart - 1) + 1, selectionStart);
  return line.slice(0, line.length - line.trimStart().length);
}

function insert(event: KeyboardEvent, text: string): void {
  event.preventDefault();
  // Deprecated, and still the only way to insert that can be undone.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  document.execCommand('insertText', false, text);
}
