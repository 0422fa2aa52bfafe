/** npx tsx receiveFile.ts <folder> [port]: writes the files that clients send. Kill it at any time, and start it again: nothing is lost or doubled. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { from } from 'rxjs';
import { consume, ofType, reply } from 'rxwire';
import { listen } from 'rxwire/server';
import type {} from './messages.js';

const [folder = 'received', port = '4870'] = process.argv.slice(2);
const files = new Map<string, Promise<FileHandle>>();
const pathOf = (name: string): string => join(folder, basename(name));

/** Writes a part at its place: a part that arrives again after a crash changes nothing. So the file itself is the durable position. */
async function write({
  name,
  offset,
  bytes,
}: {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}): Promise<void> {
  const file = files.get(name) ?? open(pathOf(name), 'a').then(async (made) => (await made.close(), open(pathOf(name), 'r+')));
  files.set(name, file);
  for (let at = 0; at < bytes.length;) at += (await (await file).write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
}

const sizeOf = async (name: string): Promise<number> => (await stat(pathOf(name)).catch(() => ({ size: 0 }))).size;

async function check(name: string, sha256: string): Promise<string> {
  const file = await files.get(name);
  files.delete(name);
  // Only now it also survives a loss of power.
  await file?.sync();
  await file?.close();
  const hash = createHash('sha256');
  await pipeline(createReadStream(pathOf(name)), hash);
  return hash.digest('hex') === sha256 ? 'identical' : 'different';
}

await mkdir(folder, { recursive: true });
const server = createServer();
listen(server, { path: '/wire' }).subscribe((wire) => {
  // A part is acked when it is written; while the disk is full, the sender waits.
  wire
    .pipe(
      ofType('transfer.part'),
      consume(({ payload }) => write(payload), { retry: { maxRetries: Infinity, maxInterval: 5_000 } }),
    )
    .subscribe();
  wire
    .pipe(
      reply({
        'transfer.begin': ({ payload }) => from(sizeOf(payload.name)),
        'transfer.end': ({ payload }) => from(check(payload.name, payload.sha256)),
      }),
    )
    .subscribe(wire);
});
server.listen(Number(port), '127.0.0.1');
await once(server, 'listening');
console.error(`listening on ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`);
