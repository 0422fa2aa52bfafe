import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { firstValueFrom } from 'rxjs';
import { lmdbStore } from '../../lib/adapters/node/index.js';

/** Returns the program of a command in the guide. */
function programOf(name: string): string {
  const [, program] = new RegExp(`\`\`\`sh ${name}\n.* -e '\n([^']*)'`).exec(readFileSync('docs/guide/stores.md', 'utf8')) ?? [];
  if (program === undefined) throw new Error(`the guide has no command ${name}`);
  return program;
}
const run = (name: string, ...args: readonly string[]) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '-e', programOf(name), ...args], { timeout: 20_000 });

describe('A backup of an LMDB folder by the command of the guide', () => {
  const root = mkdtempSync(join(tmpdir(), 'rxwire-'));
  const [folder, copy] = [join(root, 'store'), join(root, 'copy')];
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('is made while a process writes, opens, and holds the data of one moment; the check reads all of it', async () => {
    const store = lmdbStore({ path: folder });
    const rows = store.table<number>('rows');
    const put = (count: number) =>
      firstValueFrom(
        store.transact((transaction) => {
          // Both or neither: what a copy of half a transaction would show.
          transaction.put(rows, `left ${count}`, count);
          transaction.put(rows, `right ${count}`, count);
        }),
      );
    for (let count = 0; count < 100; count++) await put(count);
    let isDone = false;
    const backup = run('backup', folder, copy).finally(() => (isDone = true));
    let written = 100;
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the backup ends meanwhile
    while (!isDone) await put(written++);
    await backup;
    store.close();

    const { stdout } = await run('check', copy);
    const found = Number(/^(\d+) records$/m.exec(stdout)?.[1]);
    const restored = lmdbStore({ path: copy });
    const entries = restored.table<number>('rows').entries();
    expect(entries.length).toBeGreaterThanOrEqual(200);
    expect(found).toBeGreaterThanOrEqual(entries.length);
    const sides = (side: string): readonly number[] => entries.filter(([key]) => String(key).startsWith(side)).map(([, value]) => value);
    expect(sides('left')).toEqual(sides('right'));
    restored.close();
  }, 40_000);

  it('is refused by the check when its pages are damaged', async () => {
    expect(existsSync(copy)).toBe(true);
    const [name = ''] = readdirSync(copy).filter((one) => one.startsWith('data'));
    const file = join(copy, name);
    const bytes = readFileSync(file);
    // The two pages with the metadata stay: all others are damaged.
    bytes.fill(0xa5, 2 * 4_096, statSync(file).size);
    writeFileSync(file, bytes);
    await expect(run('check', copy)).rejects.toMatchObject({ killed: false });
  }, 40_000);
});
