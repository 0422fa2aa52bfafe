import { delay, timer, type Observable } from 'rxjs';
import { consume, type Inbox, type InboxLease, type Message } from '../../lib/index.js';
import { asObservable, chain, type MaybeAsync, type MaybePromise } from '../../lib/message/maybeAsync.js';
import type { LmdbStore, LmdbTransaction } from '../../lib/adapters/node/index.js';
import type { Chance } from '../simulation/chance.js';
import type { Setup } from './processes.js';

/** How much later a saboteur tells that it is done, in ms. */
const LATE = 100;

/** What messages bring about: their names, in the order of their effects. */
export interface Effects {
  names(): readonly string[];
  append(transaction: LmdbTransaction, name: string): void;
}

export function effectsOf(store: LmdbStore): Effects {
  const effects = store.table<string>('effects');
  const counters = store.table<number>('counters');
  return {
    names: () => effects.entries().map(([, name]) => name),
    append(transaction, name) {
      const count = transaction.get(counters, 'effects') ?? 0;
      transaction.put(effects, count, name);
      transaction.put(counters, 'effects', count + 1);
    },
  };
}

/** An inbox that takes each write for one of the owner. */
export function withoutFence(inbox: Inbox<LmdbTransaction>): Inbox<LmdbTransaction> {
  const asOwner = <T>(lease: InboxLease, write: (lease: InboxLease) => MaybePromise<T>): MaybeAsync<T> =>
    chain(
      inbox.claim(lease.pid, () => undefined),
      ({ record }) => asObservable(() => write({ ...lease, ...record?.claim })),
    );
  return {
    ...inbox,
    commit: (lease, cursor, completions) => asOwner(lease, (owner) => inbox.commit(owner, cursor, completions)),
    remember: (lease, session) => asOwner(lease, (owner) => inbox.remember(owner, session)),
  };
}

export interface HandlerOptions extends Pick<Setup, 'handler' | 'sabotage'> {
  readonly store: LmdbStore;
  readonly chance: Chance;
}

/** Gives each message its effect: in one transaction with the cursor of the session. */
export function handle(messages$: Observable<Message>, { store, chance, handler, sabotage }: HandlerOptions): Observable<unknown> {
  const { append } = effectsOf(store);
  const effect = (transaction: LmdbTransaction, { id }: Message): void => append(transaction, id);
  if (sabotage === 'effect before cursor') {
    const work = (message: Message) => store.transact((transaction) => effect(transaction, message)).pipe(delay(LATE));
    return messages$.pipe(consume(work, { concurrency: 1_000 }));
  }
  const work = () => (handler === 'later' && chance.hit(0.05) ? timer(chance.whole(1, 20)) : undefined);
  return messages$.pipe(consume(work, { effect }));
}
