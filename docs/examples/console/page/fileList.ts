import { Subject, type Observable } from 'rxjs';
import type { FileEntry } from '../messages.js';
import { byId, make } from './dom.js';

export interface FileList {
  readonly clear: () => void;
  /** A file is there, or has changed. */
  readonly show: (file: FileEntry) => void;
  readonly remove: (path: string) => void;
  /** How much of a file is there, below 1. */
  readonly setProgress: (path: string, progress: number) => void;
  /** The whole file is there. Its row stays until the server has looked into the folder. */
  readonly finish: (file: FileEntry) => void;
  /** An upload has failed: what was there before stays. */
  readonly giveUp: (path: string) => void;
  /** The path of what somebody wants to have, or to be gone. */
  readonly download$: Observable<string>;
  readonly remove$: Observable<string>;
}

interface Row {
  readonly item: HTMLElement;
  readonly size: HTMLElement;
  readonly bar: HTMLProgressElement;
}

/** What has just changed is lit up. */
const FLASH = [{ backgroundColor: 'color-mix(in srgb, var(--accent) 14%, transparent)' }, { backgroundColor: 'transparent' }];

/** The files of a workspace, in the order of their names. */
export function createFileList(): FileList {
  const rows = new Map<string, Row>();
  const [list, empty] = [byId('files'), byId('files-empty')];
  const [download$, remove$] = [new Subject<string>(), new Subject<string>()];

  const button = (text: string, className: string, name: string, clicked: () => void): HTMLButtonElement => {
    const made = make('button', text, className);
    made.type = 'button';
    made.title = made.ariaLabel = `${text} ${name}`;
    made.addEventListener('click', clicked);
    return made;
  };
  const add = (path: string): Row => {
    const name = path.slice(1);
    const [item, size, bar] = [make('li', ''), make('span', '', 'size'), make('progress', '')];
    item.title = name;
    item.append(
      make('span', name, 'name'),
      size,
      button('Download', 'icon download', name, () => download$.next(path)),
      button('Delete', 'icon delete', name, () => remove$.next(path)),
      bar,
    );
    bar.hidden = true;
    bar.setAttribute('aria-label', `Upload of ${name}`);
    const next = [...rows.keys()].filter((other) => other > path).sort()[0];
    list.insertBefore(item, (next !== undefined && rows.get(next)?.item) || null);
    const row = { item, size, bar };
    rows.set(path, row);
    empty.hidden = true;
    return row;
  };
  const rowOf = (path: string): Row => rows.get(path) ?? add(path);
  const remove = (path: string): void => {
    rows.get(path)?.item.remove();
    rows.delete(path);
    empty.hidden = rows.size > 0;
  };
  const show = ({ path, size }: FileEntry): void => {
    const { item, size: label, bar } = rowOf(path);
    label.textContent = describe(size);
    bar.hidden = true;
    if (!matchMedia('(prefers-reduced-motion: reduce)').matches) item.animate(FLASH, 900);
  };

  return {
    show,
    remove,
    clear: () => [...rows.keys()].forEach(remove),
    setProgress(path, progress) {
      const { bar } = rowOf(path);
      bar.value = progress;
      bar.hidden = false;
    },
    finish(file) {
      if (rows.has(file.path)) show(file);
    },
    giveUp(path) {
      const row = rows.get(path);
      if (!row) return;
      row.bar.hidden = true;
      if (row.size.textContent === '') remove(path);
    },
    download$,
    remove$,
  };
}

function describe(size: number): string {
  if (size < 1_024) return `${size} B`;
  return size < 1_048_576 ? `${(size / 1_024).toFixed(1)} KiB` : `${(size / 1_048_576).toFixed(1)} MiB`;
}
