/** The page of outbox.spec.ts: outboxes over what the browser really has. */
import { indexedDbOutbox, type IndexedDbOutboxOptions } from '../../lib/stores/indexeddb/index.js';
import type { OpenedOutbox, OutboxStore } from '../../lib/stores/outboxStore.js';
import { webStorageOutbox } from '../../lib/stores/web/webStorageOutbox.js';
import { batch, faultOf, faultsOf, outboxCases, ready, type OutboxPlace } from '../support/outboxCases.js';
import { ownerOf, type OutboxOwner } from '../support/outboxOwner.js';

export type Kind = 'indexedDB' | 'localStorage';
type Options = Pick<IndexedDbOutboxOptions, 'locks' | 'steal'>;

const makers: Readonly<Record<Kind, (name: string, options?: Options) => OutboxStore>> = {
  indexedDB: indexedDbOutbox,
  localStorage: webStorageOutbox,
};

let store: OutboxOwner;
let told: readonly string[] = [];
let contents: OpenedOutbox | undefined;

/** What the test asks the page to do; one outbox at a time is open. */
const toolbox = {
  /** Runs one case of the contract in a fresh place. */
  check: (kind: Kind, title: string) => outboxCases[title]!(place(kind, `contract ${title}`)),

  /** Opens, and answers what it holds once it does. */
  async open(kind: Kind, options: Options = {}) {
    contents = undefined;
    store = ownerOf(makers[kind]('a', options));
    told = faultsOf(store);
    contents = await ready(store.open());
    return { ...contents, batches: contents.batches.map(({ first }) => first) };
  },

  /** Asks for the outbox, and does not wait for it; tells of a failure by `fault`. */
  ask(kind: Kind, options: Options = {}) {
    const opening = toolbox.open(kind, options);
    opening.catch(() => undefined);
  },
  isOpen: () => contents !== undefined,
  openFault: (kind: Kind) => faultOf(() => makers[kind]('a').open()),

  /** Appends one batch; answers the fault, if any. */
  append: (first: number, length = 1) => faultOf(() => store.add([batch(first, 1, new Uint8Array(length).fill(255))])),
  /** Appends one after the other, until some time after the storage was cleared; answers the faults, and how many there were. */
  async appendUntilCleared(after: number) {
    const faults: unknown[] = [];
    let last = 0;
    for (let left = after; left > 0; left -= told.includes('evicted') ? 1 : 0) faults.push(await toolbox.append(++last));
    return { last, faults: faults.filter((fault) => fault !== undefined) };
  },
  trim: (acked: number) => faultOf(() => store.ack(acked)),
  remember: (rt: string) => faultOf(() => store.set({ ticket: { sid: 's', rt, former: [] } })),
  replace: (acked: number, firsts: readonly number[]) =>
    faultOf(() =>
      store.replace(
        { acked, mark: acked },
        firsts.map((first) => batch(first)),
      ),
    ),
  close: () => store.close(),
  told: () => told,

  /** Appends, and answers how the browser was asked for each transaction. */
  async transactionsOf(firsts: readonly number[]) {
    const { transaction } = IDBDatabase.prototype;
    const asked: (IDBTransactionOptions | undefined)[] = [];
    IDBDatabase.prototype.transaction = function (stores, mode, options) {
      asked.push(options);
      return transaction.call(this, stores, mode, options);
    };
    await ready(store.add(firsts.map((first) => batch(first))));
    IDBDatabase.prototype.transaction = transaction;
    return asked;
  },

  /** Appends while so many transactions in a row fail, as they do while the browser clears up; answers the fault, if any. */
  async appendWhileCleared(first: number, failing: number) {
    const { transaction } = IDBDatabase.prototype;
    let left = failing;
    IDBDatabase.prototype.transaction = function (...args) {
      if (left-- > 0) throw new DOMException('Force close delete origin', 'UnknownError');
      return transaction.apply(this, args);
    };
    const fault = await toolbox.append(first);
    IDBDatabase.prototype.transaction = transaction;
    return fault;
  },

  /** Calls that nobody subscribes to do nothing. */
  appendUnsubscribed(first: number) {
    store.add([batch(first)]);
  },

  /** As other pages do: deletes the database, or makes it one of a newer version; answers whether it was in the way. */
  deleteDatabase: () => settled(indexedDB.deleteDatabase('rxwire:a')),
  upgradeDatabase: () => settled(indexedDB.open('rxwire:a', 3)),
  locks: () => navigator.locks.query(),
};

declare global {
  interface Window {
    readonly toolbox: typeof toolbox;
  }
}
Object.assign(window, { toolbox });

function place(kind: Kind, name: string): OutboxPlace {
  const makeStore = (): OutboxStore => makers[kind](name, { locks: false });
  if (kind === 'indexedDB')
    return {
      store: makeStore,
      corrupt: (last) => damage(`rxwire:${name}`, 'entries', ['outbox', last]),
      corruptHead: () => damage(`rxwire:${name}`, 'heads', 'outbox'),
    };
  return {
    store: makeStore,
    corrupt: (last) => localStorage.setItem(`rxwire:batch:${name}:0.${last}`, '{'),
    corruptHead: () => localStorage.setItem(`rxwire:head:${name}`, '{'),
  };
}

async function damage(database: string, storeName: string, key: IDBValidKey): Promise<void> {
  const request = indexedDB.open(database);
  await settled(request);
  const transaction = request.result.transaction(storeName, 'readwrite');
  transaction.objectStore(storeName).put('damaged', key);
  await new Promise((resolve) => (transaction.oncomplete = resolve));
  request.result.close();
}

function settled(request: IDBOpenDBRequest): Promise<'done' | 'blocked' | 'failed'> {
  return new Promise((resolve) => {
    request.onsuccess = () => resolve('done');
    request.onblocked = () => resolve('blocked');
    request.onerror = () => resolve('failed');
  });
}

export type Toolbox = typeof toolbox;
