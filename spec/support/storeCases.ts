import { StoreError } from '../../lib/message/errors.js';
import { chain } from '../../lib/message/maybeAsync.js';
import { ALL_KEYS, HEAD_ONLY, type Log, type LogChange, type LogRange, type Store } from '../../lib/stores/store.js';
import { faultOf, ready, same } from './outboxCases.js';

/** A place of logs, empty at first. */
export interface StorePlace {
  /** The name of the log, of a kind that the store knows. */
  readonly log: string;
  /** Returns the store, as another process opens it. */
  open(): Store;
}

/** Fails when the store of this place does not do what the title says. */
export type StoreCase = (place: StorePlace) => Promise<void>;

const text = (value: string) => ({ body: value });
const read = (store: Store, log: string, range?: LogRange): Promise<Log> =>
  ready(store.transact(log, (transaction) => transaction.read(log, range)));
const change = (store: Store, log: string, one: LogChange) =>
  ready(store.transact(log, (transaction) => chain(transaction.read(log, HEAD_ONLY), () => transaction.change(log, one))));
/** Opens a store as an owner does: it reads the whole log first. */
const opened = async ({ open, log }: StorePlace): Promise<Store> => {
  const store = open();
  await read(store, log);
  return store;
};

/** The cases that every store passes, also one that has one log and no eviction. */
export const oneLogCases: Readonly<Record<string, StoreCase>> = {
  'reads a log that does not exist as an empty one': async ({ open, log }) => {
    same(await read(open(), log), { head: undefined, last: 0, entries: [] });
  },

  'keeps head and entries as they are': async (place) => {
    const entries = [1, 5].map((key) => ({ key, value: { body: Uint8Array.of(key, 0, 255), first: key } }));
    await change(await opened(place), place.log, { head: { n: 1, list: ['a', null, true] }, put: entries });
    same(await read(place.open(), place.log), { head: { n: 1, list: ['a', null, true] }, last: 5, entries });
  },

  'keeps an entry that is large': async (place) => {
    const value = { body: new Uint8Array(1_500_000).fill(7) };
    await change(await opened(place), place.log, { head: 1, put: [{ key: 1, value }] });
    const { entries } = await read(place.open(), place.log);
    const { body } = entries[0]!.value as typeof value;
    same([entries.length, body.length, body.every((byte) => byte === 7)], [1, 1_500_000, true]);
  },

  'replaces the head, and removes entries before it adds others': async (place) => {
    const store = await opened(place);
    await change(store, place.log, { head: 1, put: [1, 2, 3].map((key) => ({ key, value: text(`${key}`) })) });
    await change(store, place.log, { head: 2, drop: [[0, 2]], put: [{ key: 4, value: text('4') }] });
    same(await read(place.open(), place.log), { head: 2, last: 4, entries: [3, 4].map((key) => ({ key, value: text(`${key}`) })) });
    await change(store, place.log, { head: 3, drop: [ALL_KEYS], put: [{ key: 9, value: text('9') }] });
    same(await read(place.open(), place.log), { head: 3, last: 9, entries: [{ key: 9, value: text('9') }] });
  },

  'stores nothing of work that throws, and delivers the exception': async (place) => {
    const store = await opened(place);
    await change(store, place.log, { head: 1 });
    const work = (): never => {
      throw new StoreError(store.name, 'fenced');
    };
    same(await faultOf(() => store.transact(place.log, (transaction) => chain(transaction.read(place.log, HEAD_ONLY), work))), 'fenced');
    same((await read(place.open(), place.log, HEAD_ONLY)).head, 1);
  },

  'runs transactions that arrive together one after the other': async (place) => {
    const store = await opened(place);
    await change(store, place.log, { head: 0 });
    const increment = () =>
      ready(
        store.transact(place.log, (transaction) =>
          chain(transaction.read(place.log, HEAD_ONLY), ({ head }) => transaction.change(place.log, { head: (head as number) + 1 })),
        ),
      );
    await Promise.all(Array.from({ length: 40 }, increment));
    same((await read(place.open(), place.log, HEAD_ONLY)).head, 40);
  },
};

/** The cases of the stores with several logs. */
export const storeCases: Readonly<Record<string, StoreCase>> = {
  ...oneLogCases,

  'reads a range': async ({ open, log }) => {
    const store = open();
    await change(store, log, { put: [3, 1, 7].map((key) => ({ key, value: text(`${key}`) })) });
    const keysIn = async (range: LogRange) => (await read(store, log, range)).entries.map(({ key }) => key);
    same(
      [await keysIn({}), await keysIn({ after: 1 }), await keysIn({ limit: 2 }), await keysIn({ after: 3, limit: 5 })],
      [[1, 3, 7], [3, 7], [1, 3], [7]],
    );
  },

  'gives entries the keys behind the last one, and uses none again': async ({ open, log }) => {
    await change(open(), log, { put: ['a', 'b'].map((value) => ({ value: text(value) })) });
    await change(open(), log, { drop: [[2, 2]], put: [{ value: text('c') }] });
    same((await read(open(), log)).entries, [
      { key: 1, value: text('a') },
      { key: 3, value: text('c') },
    ]);
  },

  'evicts the oldest entries above the maximum, and returns them': async ({ open, log }) => {
    const store = open();
    await change(store, log, { put: ['a', 'b'].map((value) => ({ value: text(value) })), maxCount: 2 });
    const { evicted } = await change(store, log, { put: ['c', 'd', 'e'].map((value) => ({ value: text(value) })), maxCount: 2 });
    same(
      evicted,
      ['a', 'b', 'c'].map((value, index) => ({ key: index + 1, value: text(value) })),
    );
    same(
      (await read(open(), log)).entries.map(({ key }) => key),
      [4, 5],
    );
  },

  'runs the transactions of several processes one after the other': async ({ open, log }) => {
    const stores = [open(), open()];
    await change(stores[0]!, log, { head: 0 });
    for (let round = 0; round < 5; round++)
      await Promise.all(
        stores.map((store) =>
          ready(
            store.transact(log, (transaction) =>
              chain(transaction.read(log, HEAD_ONLY), ({ head }) =>
                transaction.change(log, { head: (head as number) + 1, put: [{ value: text('one') }] }),
              ),
            ),
          ),
        ),
      );
    const { head, entries } = await read(open(), log);
    same([head, entries.length], [10, 10]);
  },

  'does not share keys between logs': async ({ open, log }) => {
    const store = open();
    await change(store, log, { head: 1, put: [{ value: text('a') }] });
    await change(store, `${log}2`, { head: 2, put: [{ value: text('b') }] });
    same((await read(store, log)).entries, [{ key: 1, value: text('a') }]);
    same((await read(store, `${log}2`)).entries, [{ key: 1, value: text('b') }]);
  },
};
