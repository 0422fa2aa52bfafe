/** The page of queues.spec.ts: queues over what the browser really has. */
import { NEVER } from 'rxjs';
import { queue } from '../../lib/operators/queue/queue.js';
import { indexedDbDeadLetters, indexedDbQueues } from '../../lib/stores/indexeddb/index.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { deadLetterCases } from '../support/deadLetterCases.js';
import { indexedDbStore } from '../../lib/stores/indexeddb/indexedDbStore.js';
import { queueCases } from '../support/queueCases.js';
import { storeCases } from '../support/storeCases.js';
import { rowsIn } from './pageSupport.js';

const orders = queue('orders', { store: indexedDbQueues() });
const done: string[] = [];
const faults: unknown[] = [];
let depth = 0;
orders.errors$.subscribe((error) => faults.push((error as { readonly fault?: unknown }).fault));

/** What the test asks the page to do. */
const toolbox = {
  /** Runs one case of the contract in a fresh place. */
  check: (title: string) =>
    queueCases[title]!({
      log: () => indexedDbQueues({ locks: false }).queue(title),
      corrupt: (place) => damage(`rxwire.queue:${title}`, 'entries', ['queue', place]),
    }),

  /** The same for what both stand on. */
  checkStore: (title: string) => storeCases[title]!({ log: 'a', open: () => indexedDbStore(title) }),

  /** The same for dead letters. */
  checkLetters: (title: string) => deadLetterCases[title]!(indexedDbDeadLetters(title, { maxSize: 3 })),

  watch: () => void orders.depth$.subscribe((now) => (depth = now)),
  add: (...ids: string[]) => ids.forEach((id) => orders.next(createMessage('order.placed', id, { id }))),
  /** Processes all but these, whose handlers never end. */
  process: (...stuck: string[]) =>
    void orders
      .process(({ id }) => (stuck.includes(id) ? NEVER : undefined), { concurrency: 10 })
      .subscribe(({ message: { id } }) => done.push(id)),
  close: () => orders.close(),
  done: () => done,
  faults: () => faults,
  depth: () => depth,
  locks: () => navigator.locks.query(),
  /** Adds one after the other, until it is told that the storage was cleared; answers the last one's id. */
  async addUntilEvicted() {
    let last = 0;
    while (!faults.includes('evicted')) {
      toolbox.add(`b${++last}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return `b${last}`;
  },
  /** The ids of those that lie in the storage. */
  async stored() {
    const rows = (await rowsIn('rxwire.queue:orders', 'entries')) as readonly { readonly message: { readonly id: string } }[];
    return rows.map(({ message }) => message.id);
  },
};

declare global {
  interface Window {
    readonly queues: typeof toolbox;
  }
}
Object.assign(window, { queues: toolbox });

async function damage(database: string, storeName: string, key: IDBValidKey): Promise<void> {
  const request = indexedDB.open(database);
  await new Promise((resolve) => (request.onsuccess = resolve));
  const transaction = request.result.transaction(storeName, 'readwrite');
  transaction.objectStore(storeName).put('damaged', key);
  await new Promise((resolve) => (transaction.oncomplete = resolve));
  request.result.close();
}

export type Queues = typeof toolbox;
