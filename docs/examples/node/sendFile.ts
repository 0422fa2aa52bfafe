/** npx tsx sendFile.ts <file> [url]: sends a file of any size in flat memory, and goes on where the receiver is after a crash of either side. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { lastValueFrom } from 'rxjs';
import { connect, createMessage, msgpack, request, sendAll, webSocket } from 'rxwire';
import { fromReadable } from 'rxwire/node';
import type {} from './messages.js';

const [path = '', url = 'ws://127.0.0.1:4870/wire'] = process.argv.slice(2);
const name = basename(path);
const { size } = await stat(path);
const wire = connect({ link: webSocket(url), codec: msgpack(), reconnect: { maxInterval: 2_000 } });

// The position of the receiver is the size of its file. It is above 0 when this process has died before.
const start = Number(await lastValueFrom(request(wire, createMessage('transfer.begin', { name }), { timeout: 60_000 })));

const file = createReadStream(path, { start });
const parts = fromReadable(file, {
  map: (bytes: Buffer, offset) => createMessage('transfer.part', { name, offset: start + offset, bytes }),
});
// The file is read as fast as the receiver writes: 32 parts of 64 KiB are on their way, at most.
let done = start;
for await (const { status } of sendAll(wire, parts, { ahead: 32 })) {
  if (status !== 'acked') throw new Error(`a part is ${status}`);
  done = Math.min(size, done + file.readableHighWaterMark);
  progress(done / size);
}

const hash = createHash('sha256');
await pipeline(createReadStream(path), hash);
const end = createMessage('transfer.end', { name, sha256: hash.digest('hex') });
const verdict = String(await lastValueFrom(request(wire, end, { timeout: 60_000 })));
console.error(`\n${name}: ${verdict}`);
process.exitCode = verdict === 'identical' ? 0 : 1;
wire.complete();

function progress(share: number): void {
  const bar = '█'.repeat(Math.round(share * 40)).padEnd(40, '░');
  process.stderr.write(`\r${bar} ${(share * 100).toFixed(1)} %`);
}
