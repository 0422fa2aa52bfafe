import { existsSync } from 'node:fs';
import { filter, firstValueFrom, lastValueFrom, map, takeWhile, tap, toArray } from 'rxjs';
import { execute, newRun, readRun } from '../../docs/examples/console/client.js';
import { outputIn } from '../../docs/examples/console/messages.js';
import { download, remove, upload } from '../../docs/examples/console/transfers.js';
import { createMessage, ofType, type MessageTypes } from '../../lib/index.js';
import { eventually } from './consoleSupport.js';
import { startWorkspaces, type Guest } from './consoleWorkspace.js';

let console$: Awaited<ReturnType<typeof startWorkspaces>>;

beforeEach(async () => {
  console$ = await startWorkspaces();
});
afterEach(() => console$.close());

/** A file as a browser has it. */
function fileOf(name: string, content: string | Uint8Array<ArrayBuffer>) {
  const blob = new Blob([content]);
  return { name, size: blob.size, slice: (start?: number, end?: number) => blob.slice(start, end) };
}

const send = ({ wire, room, sandboxId }: Guest, name: string, content: string | Uint8Array<ArrayBuffer>) =>
  upload(wire, room, sandboxId, fileOf(name, content));
const fetchBytes = async ({ wire, sandboxId }: Guest, path: string): Promise<Buffer> =>
  Buffer.from(await (await firstValueFrom(download(wire, sandboxId, path))).arrayBuffer());
const run = ({ wire, sandboxId }: Guest, code: string) => lastValueFrom(execute(wire, code, newRun(sandboxId)).pipe(toArray()));
/** What happens to a file, up to that operation. */
const changesOf = ({ told }: Guest, path: string, last: MessageTypes['file.change']['operation']) =>
  firstValueFrom(
    told.pipe(
      ofType('file.change'),
      map(({ payload }) => payload),
      filter((payload) => payload.path === path),
      takeWhile(({ operation }) => operation !== last, true),
      map(({ operation }) => operation),
      toArray(),
    ),
  );

describe('the files of a workspace', () => {
  it('are uploaded in parts, announced to all members, and downloaded unchanged', async () => {
    const [ann, bob] = [await console$.enter(), await console$.enter()];
    const bytes = new Uint8Array(300_000).map((_, index) => index * 7);
    const progress = await lastValueFrom(send(ann, 'data.bin', bytes).pipe(toArray()));

    expect(progress).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
    expect(await changesOf(bob, '/data.bin', 'create')).toEqual(['create']);
    const seen = await firstValueFrom(
      bob.told.pipe(
        ofType('file.upload'),
        map(({ payload }) => payload.progress),
        takeWhile((done) => done !== 1, true),
        toArray(),
      ),
    );
    expect(seen).toEqual([...seen].sort());
    expect(seen).toHaveLength(5);
    expect(bob.files()).toEqual([{ path: '/data.bin', size: 300_000 }]);
    expect((await fetchBytes(bob, '/data.bin')).equals(bytes)).toBe(true);
  });

  it('lose and double no piece when the connection is cut meanwhile', async () => {
    const ann = await console$.enter();
    const bytes = new Uint8Array(2_000_000).map((_, index) => index % 251);
    let cuts = 0;
    await lastValueFrom(
      send(ann, 'data.bin', bytes).pipe(
        tap((progress) => {
          if (progress > (cuts + 1) / 4 && cuts < 3) void (cuts++, ann.cut());
        }),
      ),
    );
    expect(cuts).toBe(3);
    expect((await fetchBytes(ann, '/data.bin')).equals(bytes)).toBe(true);
  });

  it('can be empty', async () => {
    const ann = await console$.enter();
    await lastValueFrom(send(ann, 'empty', ''));
    await changesOf(ann, '/empty', 'create');
    expect(ann.files()).toEqual([{ path: '/empty', size: 0 }]);
    expect(await fetchBytes(ann, '/empty')).toHaveLength(0);
  });

  it('are read and written by programs, and their changes are announced at once', async () => {
    const ann = await console$.enter();
    await lastValueFrom(send(ann, 'input.txt', 'ping'));
    const messages = await run(
      ann,
      `import { readFile, writeFile, unlink } from 'node:fs/promises';
       import { setTimeout } from 'node:timers/promises';
       await writeFile('output.txt', await readFile('input.txt', 'utf8'));
       await setTimeout(500);
       await writeFile('output.txt', 'pong, longer');
       await setTimeout(500);
       await unlink('output.txt');`,
    );
    expect(messages.at(-1)?.type).toBe('execution.complete');
    expect(await changesOf(ann, '/output.txt', 'delete')).toEqual(['create', 'update', 'delete']);
    // The program itself is no file of the user's.
    expect(ann.files()).toEqual([{ path: '/input.txt', size: 4 }]);
  });

  it('are removed for all', async () => {
    const [ann, bob] = [await console$.enter(), await console$.enter()];
    await lastValueFrom(send(ann, 'a.txt', 'a'));
    await changesOf(bob, '/a.txt', 'create');
    await lastValueFrom(remove(bob.wire, 'shared', '/a.txt'));
    expect(await changesOf(ann, '/a.txt', 'delete')).toEqual(['create', 'delete']);
    await expect(lastValueFrom(remove(bob.wire, 'shared', '/a.txt'))).rejects.toMatchObject({ remoteCode: 'ERR_NO_FILE' });
  });

  it('are separate for each workspace', async () => {
    const [ann, eve] = [await console$.enter('ann'), await console$.enter('eve')];
    await lastValueFrom(send(ann, 'secret.txt', 'secret'));
    await changesOf(ann, '/secret.txt', 'create');
    expect(eve.files()).toEqual([]);
    const messages = await run(eve, `import { readFile } from 'node:fs/promises'; await readFile('../');`);
    expect(messages.at(-1)).toMatchObject({ payload: { data: { exitCode: 1 } } });
  });

  it.each(['/../secret', '/a/b', '/.program', '..', '', '/', '/a\0b', '/' + 'x'.repeat(101), 7])('have no path like %j', async (path) => {
    const ann = await console$.enter();
    const asked = download(ann.wire, 'shared', path as string);
    await expect(firstValueFrom(asked)).rejects.toMatchObject({ remoteCode: 'ERR_BAD_PATH' });
  });

  it('are not found in an invalid workspace', async () => {
    const ann = await console$.enter();
    await expect(firstValueFrom(download(ann.wire, 'other', '/a'))).rejects.toMatchObject({ remoteCode: 'ERR_NO_WORKSPACE' });
  });

  it('are refused with a reason when they are too large or too many', async () => {
    const ann = await console$.enter();
    const many = Array.from({ length: 9 }, (_, index) =>
      createMessage('upload.chunk', {
        ...{ sandboxId: 'shared', uploadId: `u${index}`, path: `/${index}`, offset: 0, size: 10 },
        data: new Uint8Array(1),
      }),
    );
    const refused = firstValueFrom(
      ann.told.pipe(
        ofType('file.upload'),
        map(({ payload }) => Object(payload.result) as { readonly error?: string }),
        filter(({ error }) => error !== undefined),
      ),
    );
    many.forEach((message) => ann.wire.next(message));
    expect((await refused).error).toBe('too many files at once');
    const large = send(ann, 'large', new Uint8Array(16 * 1_048_576 + 1));
    await expect(lastValueFrom(large)).rejects.toThrow('a file may have 16 MiB at most');
  });

  it('outlive chunks that are none', async () => {
    const ann = await console$.enter();
    const fine = { sandboxId: 'shared', uploadId: 'u', path: '/a', offset: 0, data: new Uint8Array(1), size: 1 };
    const wrong: object[] = [
      ...[{ sandboxId: '../x' }, { uploadId: '../../x' }, { path: 5 }, { offset: -1 }, { offset: 1 }, { data: 'text' }],
      ...[{ size: 1e12 }, { size: NaN }, { size: 0 }],
    ].map((part) => ({ ...fine, ...part }));
    const receipts = [...wrong, null].map((payload) => ann.wire.send(createMessage('upload.chunk', payload as never)));
    expect((await Promise.all(receipts)).map(({ status }) => status)).toEqual(receipts.map(() => 'acked'));
    await lastValueFrom(send(ann, 'fine.txt', 'fine'));
    await changesOf(ann, '/fine.txt', 'create');
    expect(ann.files().map(({ path }) => path)).toEqual(['/fine.txt']);
  });

  it('cannot be made to lead elsewhere', async () => {
    const ann = await console$.enter();
    // What a program cannot do, somebody on this machine might.
    const folder = textOf(await run(ann, 'console.log(process.cwd())'));
    const { symlink } = await import('node:fs/promises');
    await symlink('/etc/passwd', `${folder}/link`);
    await lastValueFrom(send(ann, 'mark', ''));
    await changesOf(ann, '/mark', 'create');
    expect(ann.files()).toEqual([{ path: '/mark', size: 0 }]);
    await expect(firstValueFrom(download(ann.wire, 'shared', '/link'))).rejects.toMatchObject({ remoteCode: 'ERR_NO_FILE' });
  });
});

describe('a workspace', () => {
  it('goes a while after the last of its people, with its files', async () => {
    await console$.close();
    console$ = await startWorkspaces({ lingerTime: 30 });
    const [ann, bob] = [await console$.enter(), await console$.enter('other')];
    const folder = textOf(await run(ann, 'console.log(process.cwd())'));
    expect(existsSync(folder)).toBe(true);
    ann.wire.complete();
    await eventually(() => !existsSync(folder));
    // The others stay.
    expect(bob.files()).toEqual([]);
  });

  it('stays as long as a program runs in it', async () => {
    await console$.close();
    console$ = await startWorkspaces({ lingerTime: 30 });
    const [ann, bob] = [await console$.enter(), await console$.enter('other')];
    const code = `import { existsSync } from 'node:fs';
      import { setTimeout } from 'node:timers/promises';
      console.log('begun'); await setTimeout(500); console.log(existsSync(process.cwd()));`;
    const names = newRun('shared');
    await firstValueFrom(execute(ann.wire, code, names));
    ann.wire.complete();
    expect(textOf(await lastValueFrom(readRun(bob.wire, names).pipe(toArray())))).toBe('begun\ntrue');
  });

  it('goes with its server', async () => {
    const ann = await console$.enter();
    const folder = textOf(await run(ann, 'console.log(process.cwd())'));
    await console$.close();
    await eventually(() => !existsSync(folder));
  });

  it('is refused where there are too many', async () => {
    await console$.close();
    console$ = await startWorkspaces({ maxWorkspaces: 1 });
    await console$.enter('one');
    await expect(console$.enter('two')).rejects.toMatchObject({
      code: 'ERR_CHANNEL_REFUSED',
      reason: 'There are too many workspaces, or this is not the name of one.',
    });
  });
});

function textOf(messages: Awaited<ReturnType<typeof run>>): string {
  return messages
    .flatMap(outputIn)
    .map(({ data }) => data)
    .join('')
    .trim();
}
