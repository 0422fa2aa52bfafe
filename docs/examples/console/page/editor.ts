import { filter, fromEvent, Subject, tap, type Observable } from 'rxjs';
import { byId, the } from './dom.js';
import { shiftBy, type Edit } from './documentEdit.js';
import { highlight } from './highlight.js';

export interface Editor {
  readonly source: HTMLTextAreaElement;
  readonly code: string;
  /** Emits when Control or Command and Enter are pressed. */
  readonly submit$: Observable<unknown>;
  /** Emits when the text was painted anew. */
  readonly painted$: Observable<void>;
  /** Takes over what others have written: the selection stays at its words, and the words at their place. */
  readonly change: (edits: readonly Edit[]) => void;
  /** Shows that text, if it does not already. */
  readonly set: (code: string) => void;
  /** Puts the caret there, and shows it. */
  readonly select: (place: number) => void;
}

/** A textarea with line numbers and colours behind it. */
export function createEditor(): Editor {
  const source = the('source', HTMLTextAreaElement);
  const painted$ = new Subject<void>();
  const keys$ = fromEvent<KeyboardEvent>(source, 'keydown');

  const repaint = (): void => {
    paint(source.value);
    painted$.next();
  };
  fromEvent(source, 'input').subscribe(repaint);
  keys$.pipe(filter((event) => !event.isComposing)).subscribe(createKeyHandler(source));
  repaint();

  return {
    ...{ source, painted$ },
    get code() {
      return source.value;
    },
    submit$: keys$.pipe(
      filter((event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.repeat),
      tap((event) => event.preventDefault()),
    ),
    change(edits) {
      const { selectionDirection } = source;
      const top = firstVisible(source.value);
      const moved = edits.reduce((place, edit) => shiftBy(edit, place), top.place);
      for (const { at, removed, inserted } of edits) source.setRangeText(inserted, at, at + removed, 'preserve');
      source.setSelectionRange(source.selectionStart, source.selectionEnd, selectionDirection);
      repaint();
      byId('code').scrollTop += (lineOf(source.value, moved) - top.line) * lineHeight();
    },
    set(code) {
      if (source.value === code) return;
      source.value = code;
      repaint();
    },
    select(place) {
      source.setSelectionRange(place, place);
      reveal(lineOf(source.value, place));
    },
  };
}

/** Of one line, in pixels. */
export function lineHeight(): number {
  return parseFloat(getComputedStyle(byId('paint')).lineHeight);
}

/** The number of the line in which a place is, from 0. */
export function lineOf(code: string, place: number): number {
  return code.slice(0, place).split('\n').length - 1;
}

/** The first line that can be seen, and where it begins. */
function firstVisible(code: string): { readonly line: number; readonly place: number } {
  const line = Math.max(0, Math.ceil(byId('code').scrollTop / lineHeight() - 1));
  const before = code.split('\n', line).join('\n');
  return { line, place: line === 0 ? 0 : before.length + 1 };
}

/** Scrolls as little as is needed to see a line. */
function reveal(line: number): void {
  const view = byId('code');
  const [top, height] = [line * lineHeight(), view.clientHeight];
  if (top < view.scrollTop) view.scrollTop = top;
  else if (top + 3 * lineHeight() > view.scrollTop + height) view.scrollTop = top + 3 * lineHeight() - height;
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
