import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type Database } from 'lmdb';

const folders: string[] = [];

/** A fresh folder, until the tests of this file are over. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'rxwire-lmdb-'));
  folders.push(path);
  return path;
}

afterAll(() => folders.forEach((path) => rmSync(path, { recursive: true, force: true })));

/** Changes bytes behind the back of the stores, of which none is open. */
export async function tamper(path: string, name: string, change: (database: Database<Buffer>) => void): Promise<void> {
  const root = open({ path, noSubdir: false, overlappingSync: false, maxDbs: 64 });
  change(root.openDB<Buffer>({ name, encoding: 'binary' }));
  await root.close();
}

/** What LMDB tells of a database; its folder may be open. It takes no lock: a write in progress waits for this thread. */
export function statsOf(path: string, name: string): Readonly<Record<'entryCount' | 'lastTxnId', number>> {
  const root = open({ path, noSubdir: false, readOnly: true, maxDbs: 128 });
  const stats = root.openDB({ name }).getStats();
  void root.close();
  return stats as ReturnType<typeof statsOf>;
}
