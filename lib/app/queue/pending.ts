import { AsyncSubject, of, type Observable } from 'rxjs';
import type { Item } from './item.js';

/** What is written at once. */
export interface Batch {
  readonly added: readonly Item[];
  readonly removed: readonly number[];
  /** Ends when it is written, or is not. */
  readonly written$: AsyncSubject<unknown>;
}

/** What is to be written next. */
export interface Pending {
  readonly isEmpty: () => boolean;
  add(item: Item): void;
  /** Emits when it is written; at once, if the item itself was not written yet. */
  remove(item: Item): Observable<unknown>;
  /** Takes all of it; the items get their places. */
  take(): Batch;
  /** These could not be removed: they go with the next batch, whenever there is one. */
  takeBack(removed: readonly number[]): void;
  /** The next item comes behind this place. */
  goOnAt(place: number): void;
}

export function createPending(): Pending {
  let added = new Set<Item>();
  let removed: number[] = [];
  let written$ = new AsyncSubject<unknown>();
  let again: readonly number[] = [];
  let last = 0;

  return {
    isEmpty: () => added.size + removed.length === 0,
    add: (item) => void added.add(item),
    remove(item) {
      if (added.delete(item)) return of(undefined);
      removed.push(item.place);
      return written$;
    },
    take() {
      for (const item of added) item.place = ++last;
      const batch = { added: [...added], removed: removed.concat(again), written$ };
      [added, removed, again, written$] = [new Set(), [], [], new AsyncSubject()];
      return batch;
    },
    takeBack: (failed) => void (again = again.concat(failed)),
    goOnAt: (place) => void (last = place),
  };
}

/** Two batches that do the same as one. */
export function halvesOf({ added, removed, written$ }: Batch): readonly Batch[] {
  const middle = added.length >> 1;
  return [
    { added: added.slice(0, middle), removed, written$: new AsyncSubject() },
    { added: added.slice(middle), removed: [], written$ },
  ];
}
