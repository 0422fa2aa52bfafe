import { delay, interval, type Observable } from 'rxjs';
import { createRing } from '../../lib/internal/ring.js';
import type { Message } from '../../lib/index.js';
import type { LmdbStore, LmdbTransaction } from '../../lib/node/index.js';
import { claim } from '../../lib/session/claims.js';
import type { Chance } from '../simulation/chance.js';
import { parseName } from './journal.js';
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

export interface HandlerOptions extends Pick<Setup, 'handler' | 'sabotage'> {
  readonly store: LmdbStore;
  readonly chance: Chance;
}

/** Gives each message its effect: in one transaction with the cursor of the session, where it has a number. */
export function handle(messages$: Observable<Message>, { store, chance, handler, sabotage }: HandlerOptions): void {
  const { append } = effectsOf(store);
  const waiting = createRing<() => void>();

  const take = (message: Message): void => {
    const effect = (transaction: LmdbTransaction): void => append(transaction, message.id);
    const settle = claim(message);
    const isNumbered = parseName(message.id).level !== 'at-most-once';
    const finish = (): void => {
      if (!isNumbered) store.transact(effect).subscribe();
      else if (sabotage === 'effect before cursor')
        store
          .transact(effect)
          .pipe(delay(LATE))
          .subscribe(() => settle?.({}));
      else settle?.({ effect: effect as (transaction: unknown) => void });
    };
    if (handler === 'at once') finish();
    else waiting.push(finish);
  };
  messages$.subscribe(take);
  if (handler === 'later')
    interval(4).subscribe(() => {
      for (let count = chance.whole(0, 60); count > 0; count--) waiting.shift()?.();
    });
}
