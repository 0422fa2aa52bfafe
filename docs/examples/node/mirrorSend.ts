/** npx tsx mirrorSend.ts <folder> [url]: keeps a copy of a folder at the other side, and follows its changes. */
import { createReadStream, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { connect, createMessage, msgpack, sendAll, webSocket, type Message } from 'rxwire';
import { fromReadable } from 'rxwire/node';
import type {} from './messages.js';

const [folder = '.', url = 'ws://127.0.0.1:4870/wire'] = process.argv.slice(2);
const wire = connect({ link: webSocket(url), codec: msgpack(), reconnect: { maxInterval: 2_000 } });
const shown = (path: string): string => path.split(sep).join('/');

/** The changes, while they are sent: a file that changes again in the meantime is sent once more, and not each time. */
async function* changes(): AsyncGenerator<Message> {
  const changed = new Set<string>();
  let wake = (): void => undefined;
  watch(folder, { recursive: true }, (_, path) => {
    if (path !== null) changed.add(path);
    wake();
  });
  const paths = await readdir(folder, { recursive: true });
  // The other side removes what was removed while this process did not run.
  yield createMessage('mirror.files', { paths: paths.map(shown) });
  for (const path of paths) changed.add(path);
  for (;;) {
    for (const path of changed) {
      changed.delete(path);
      yield* contentOf(path);
    }
    if (changed.size === 0) await new Promise<void>((resolve) => (wake = resolve));
  }
}

async function* contentOf(path: string): AsyncGenerator<Message> {
  const name = { path: shown(path) };
  try {
    if (!(await stat(join(folder, path))).isFile()) return;
    const file = createReadStream(join(folder, path));
    let isEmpty = true;
    for await (const { bytes, offset } of fromReadable(file, { map: (chunk: Buffer, at) => ({ bytes: chunk, offset: at }) })) {
      isEmpty = false;
      yield createMessage('mirror.part', { ...name, offset, bytes });
    }
    if (isEmpty) yield createMessage('mirror.part', { ...name, offset: 0, bytes: new Uint8Array() });
    yield createMessage('mirror.done', name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    yield createMessage('mirror.removed', name);
  }
}

await sendAll(wire, changes(), { ahead: 32 }).forEach(() => undefined);
