import { watch } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { catchError, defer, interval, mergeMap, Observable, startWith, switchMap, timer } from 'rxjs';
import { conflateByKey } from 'rxwire';
import type { FileEntry } from '../messages.js';

/** Files that are looked at; a folder may have more. */
const MAX_FILES = 1_000;

/** Programs change files in bursts: what happens within so many ms is looked at together. */
const BURST = 50;

/** Where the system cannot watch another folder, it is looked at so often, in ms. */
const LOOK_EVERY = 1_000;

/** What has happened to a file. */
export interface FileEvent extends FileEntry {
  readonly operation: 'create' | 'update' | 'delete';
}

interface Seen extends FileEntry {
  readonly changedAt: number;
}

/**
 * Emits what happens to the files in a folder, by whoever; first of all those that are there. Neither what is in folders of it counts, nor
 * links, nor what has a dot in front.
 *
 *     changes        -aab---------
 *     watchFolder    ---A-----B---     (looks 50 ms after the first change, and again if there were more)
 */
export function watchFolder(folder: string): Observable<FileEvent> {
  return defer(() => {
    let before: ReadonlyMap<string, Seen> = new Map();
    const look$ = defer(() => timer(BURST)).pipe(switchMap(() => look(folder)));

    return signalsOf(folder).pipe(
      catchError(() => interval(LOOK_EVERY)),
      startWith(0),
      conflateByKey(
        () => 'folder',
        () => look$,
      ),
      mergeMap((now) => {
        const events = compare(before, now);
        before = now;
        return events;
      }),
    );
  });
}

function signalsOf(folder: string): Observable<unknown> {
  return new Observable<void>((subscriber) => {
    const watcher = watch(folder, { persistent: false }, () => subscriber.next());
    watcher.on('error', (error) => subscriber.error(error));
    return () => watcher.close();
  });
}

async function look(folder: string): Promise<ReadonlyMap<string, Seen>> {
  // It may be gone, as may each of its files by the time it is looked at.
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => !name.startsWith('.')).slice(0, MAX_FILES);
  const seen = await Promise.all(files.map((name) => seeFile(folder, name).catch(() => undefined)));
  return new Map(seen.flatMap((file) => (file ? [[file.path, file] as const] : [])));
}

async function seeFile(folder: string, name: string): Promise<Seen | undefined> {
  const stats = await lstat(join(folder, name));
  return stats.isFile() ? { path: `/${name}`, size: stats.size, changedAt: stats.mtimeMs } : undefined;
}

function compare(before: ReadonlyMap<string, Seen>, now: ReadonlyMap<string, Seen>): FileEvent[] {
  const gone = [...before.values()].filter(({ path }) => !now.has(path));
  const changed = [...now.values()].filter(({ path, size, changedAt }) => {
    const old = before.get(path);
    return old?.size !== size || old.changedAt !== changedAt;
  });
  return [
    ...gone.map(({ path, size }) => ({ path, size, operation: 'delete' as const })),
    ...changed.map(({ path, size }) => ({ path, size, operation: before.has(path) ? ('update' as const) : ('create' as const) })),
  ];
}
