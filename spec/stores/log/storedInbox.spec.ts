import { firstValueFrom, throwError } from 'rxjs';
import { asObservable } from '../../../lib/message/maybeAsync.js';
import { storedInbox } from '../../../lib/stores/log/storedInbox.js';
import type { StoredLetters } from '../../../lib/stores/log/storedLetters.js';
import type { LogChange, Store, StoreTransaction } from '../../../lib/stores/store.js';

/** An inbox over a store of heads, which runs each transaction as often as the test says. */
function setup() {
  const heads = new Map<string, unknown>([['sender p', { done: 0, finished: [] }]]);
  const users = new Set<unknown>();
  const at = { runs: 1, fails: false };
  const transaction = {
    read: (log: string) => ({ head: heads.get(log), last: 0, entries: [] }),
    change: (log: string, { head }: LogChange) => (heads.set(log, head), { evicted: [] }),
  } as unknown as StoreTransaction<undefined>;
  const store = {
    name: 'test',
    transact(_: string, work: (given: typeof transaction) => unknown) {
      const results = Array.from({ length: at.runs }, () => work(transaction));
      return at.fails ? throwError(() => new Error('no answer')) : results.at(-1);
    },
    use: (user: unknown) => void users.add(user),
    release: (user: unknown) => users.delete(user),
  } as unknown as Store<undefined>;
  const inbox = storedInbox(store, {} as StoredLetters<undefined>, () => undefined);
  let owners = 0;
  const claim = () => firstValueFrom(asObservable(() => inbox.claim('p', () => ({ owner: `o${++owners}`, epoch: 1, n: 1 }))));
  return { at, users, inbox, claim };
}

describe('a claim of an inbox', () => {
  it('keeps no state of a claim whose transaction fails: a client may try again any number of times', async () => {
    const { at, users, claim } = setup();
    at.fails = true;
    await expect(claim()).rejects.toThrow('no answer');
    expect([...users]).toEqual([]);
  });

  it('keeps the state until its lease is released, also if the store has run its transaction twice', async () => {
    const { at, users, inbox, claim } = setup();
    at.runs = 2;
    const { lease } = await claim();
    expect([...users]).toEqual(['o2']);
    inbox.release?.(lease!);
    expect([...users]).toEqual([]);
  });
});
