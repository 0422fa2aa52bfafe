/** What the pages of session.spec.ts have in common. */
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { indexedDbOutbox, type IndexedDbOutboxOptions } from '../../lib/stores/indexeddb/index.js';
import type { Frame } from '../../lib/io/link.js';
import type { OutboxStore } from '../../lib/stores/outboxStore.js';
import { webStorageOutbox } from '../../lib/stores/web/webStorageOutbox.js';

export type Kind = 'indexedDB' | 'localStorage';

const NAME = 'chat';

export function outboxOf(kind: Kind, options: Pick<IndexedDbOutboxOptions, 'steal'> = {}): OutboxStore {
  return kind === 'indexedDB' ? indexedDbOutbox(NAME, options) : webStorageOutbox(NAME, options);
}

/** The ids of the messages that lie in the storage: what is there now will have its effect, whatever becomes of the page. */
export async function storedIds(kind: Kind): Promise<readonly string[]> {
  const bodies = kind === 'indexedDB' ? await bodiesInDatabase(`rxwire:${NAME}`) : bodiesInStorage(`rxwire:batch:${NAME}:`);
  return bodies.flatMap(idsIn);
}

function idsIn(body: Frame): readonly string[] {
  // Without a body, the numbers are skipped.
  if (body.length === 0) return [];
  const codec = typeof body === 'string' ? json() : msgpack();
  return codec.decode(body).map(({ id }) => id);
}

/** The number in a key, behind the generation. */
const numberIn = (key: string): number => Number(key.slice(key.lastIndexOf('.') + 1));

function bodiesInStorage(prefix: string): readonly Frame[] {
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(prefix))
    .sort((a, b) => numberIn(a) - numberIn(b))
    .map((key) => (JSON.parse(localStorage.getItem(key)!) as { readonly body: string }).body);
}

async function bodiesInDatabase(name: string): Promise<readonly Frame[]> {
  const records = (await rowsIn(name, 'entries')) as readonly { readonly body: Frame }[];
  return records.map(({ body }) => body);
}

/** What lies in an object store. Looking makes no database: nobody would make one with all that belongs into it then. */
export async function rowsIn(name: string, store: string): Promise<readonly unknown[]> {
  const request = indexedDB.open(name);
  request.onupgradeneeded = () => request.transaction!.abort();
  const database = await answer(request).catch(() => undefined);
  const rows = database?.objectStoreNames.contains(store) ? await answer(database.transaction(store).objectStore(store).getAll()) : [];
  database?.close();
  return rows as readonly unknown[];
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
  });
}
