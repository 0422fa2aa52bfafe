/** npx tsx mirrorReceive.ts <folder> [port]: keeps the copy of the folder that mirrorSend.ts sends. */
import { once } from 'node:events';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join, resolve, sep } from 'node:path';
import { consume, ofType, type MessageOf } from 'rxwire';
import { listen } from 'rxwire/server';
import type {} from './messages.js';

const [folder = 'mirror', port = '4870'] = process.argv.slice(2);
/** Files that have not arrived completely. It is beside the copy, so that a rename makes a file visible at once. */
const partial = `${resolve(folder)}.partial`;

/** A client chooses the paths, so they must not lead out of the folder. */
function within(base: string, path: string): string {
  const full = resolve(base, path);
  if (!full.startsWith(resolve(base) + sep)) throw new Error(`${path} is outside of the folder`);
  return full;
}

type Change = MessageOf<'mirror.files' | 'mirror.part' | 'mirror.done' | 'mirror.removed'>;

/** Makes one change. Each can be made twice: after a crash, those that were not acked come again. */
async function apply({ type, payload }: Change): Promise<void> {
  if (type === 'mirror.files') {
    const kept = new Set(payload.paths);
    for (const path of await readdir(folder, { recursive: true }))
      if (!kept.has(path.split(sep).join('/'))) await rm(join(folder, path), { recursive: true, force: true });
  } else if (type === 'mirror.part') {
    const path = within(partial, payload.path);
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, payload.offset === 0 ? 'w' : 'r+');
    await file.write(payload.bytes, 0, payload.bytes.length, payload.offset);
    await file.close();
  } else if (type === 'mirror.done') {
    const path = within(folder, payload.path);
    await mkdir(dirname(path), { recursive: true });
    await rename(within(partial, payload.path), path).catch(unlessMissing);
  } else await rm(within(folder, payload.path), { recursive: true, force: true });
}

/** A file that is not there was renamed before a crash. */
function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

await mkdir(folder, { recursive: true });
const server = createServer();
listen(server, { path: '/wire' }).subscribe((wire) => {
  wire.errors$.subscribe((error) => console.error(String(error)));
  wire.pipe(ofType('mirror.files', 'mirror.part', 'mirror.done', 'mirror.removed'), consume(apply)).subscribe();
});
server.listen(Number(port), '127.0.0.1');
await once(server, 'listening');
console.error(`listening on ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`);
