import { firstValueFrom, toArray } from 'rxjs';
import type { DeadLetter, DeadLetterPage, DeadLetterStore } from '../../lib/stores/deadLetterStore.js';
import { replayDeadLetters } from '../../lib/operators/deadLetters/replayDeadLetters.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { holds, ready, same } from './outboxCases.js';

/** Fails when a store, empty at first and with room for three letters, does not do what the title says. */
export type DeadLetterCase = (store: DeadLetterStore) => Promise<void>;

export function letter(id: string): DeadLetter {
  return {
    message: createMessage('spec.letter', { text: id, list: [1, null] }, { id, timestamp: 0, headers: { trace: 't' } }),
    ...{ reason: 'ERR_TEST', error: 'it was tested', attempts: 2, at: 5 },
    history: [
      { reason: 'boom', error: 'boom', at: 4 },
      { reason: 'ERR_TEST', error: 'it was tested', at: 5 },
    ],
  };
}

/** What every store of dead letters does. Neither jest nor Node is needed: a page of a browser runs them too. */
export const deadLetterCases: Readonly<Record<string, DeadLetterCase>> = {
  'keeps a letter as it is': async (store) => {
    same(await ready(store.count()), 0);
    await add(store, 'a');
    const [found] = await firstValueFrom(store.list().pipe(toArray()));
    same(found, { ...letter('a'), id: found?.id });
    same(await ready(store.count()), 1);
  },

  'lists pages, the oldest first': async (store) => {
    await add(store, 'a', 'b', 'c');
    same(await idsOf(store), ['a', 'b', 'c']);
    const [first, second] = await firstValueFrom(store.list({ limit: 2 }).pipe(toArray()));
    same([first?.message.id, second?.message.id], ['a', 'b']);
    same(await idsOf(store, { after: second!.id, limit: 2 }), ['c']);
    same(await idsOf(store, { after: second!.id + 1 }), []);
  },

  'drops the oldest when it is full, and says so': async (store) => {
    const dropped: string[] = [];
    store.dropped$.subscribe(({ message: { id } }) => dropped.push(id));
    await add(store, 'a', 'b', 'c', 'd', 'e');
    same([await idsOf(store), dropped, await ready(store.count())], [['c', 'd', 'e'], ['a', 'b'], 3]);
  },

  'removes, tells whether there was one, and gives no id again': async (store) => {
    await add(store, 'a', 'b');
    const [, last] = await firstValueFrom(store.list().pipe(toArray()));
    same([await ready(store.remove(last!.id)), await ready(store.remove(last!.id)), await idsOf(store)], [true, false, ['a']]);
    await add(store, 'c');
    const [, next] = await firstValueFrom(store.list().pipe(toArray()));
    holds(next!.id > last!.id, 'a higher id');
  },

  'replays all, some, or one, and keeps what fails': async (store) => {
    await add(store, 'a', 'b', 'c');
    const taken: string[] = [];
    const take =
      (fail: string) =>
      async ({ id }: Message) => {
        await Promise.resolve();
        if (id === fail) throw new Error('no');
        taken.push(id);
      };
    const some$ = replayDeadLetters(store, take('a'), { filter: ({ message: { id } }) => id !== 'c' });
    same(
      (await firstValueFrom(some$.pipe(toArray()))).map(({ status, letter: { message } }) => message.id + status),
      ['afailed', 'bdone'],
    );
    same([taken, await idsOf(store)], [['b'], ['a', 'c']]);
    const [, last] = await firstValueFrom(store.list().pipe(toArray()));
    await firstValueFrom(replayDeadLetters(store, take(''), { id: last!.id }));
    same([taken, await idsOf(store)], [['b', 'c'], ['a']]);
    await firstValueFrom(replayDeadLetters(store, take('')));
    same([taken, await idsOf(store)], [['b', 'c', 'a'], []]);
  },

  'does not replay what fails again while it is replayed': async (store) => {
    await add(store, 'a', 'b');
    let calls = 0;
    const bury = async (message: Message) => {
      calls++;
      await ready(store.add({ ...letter(message.id), message }));
    };
    await firstValueFrom(replayDeadLetters(store, bury).pipe(toArray()));
    same([calls, await idsOf(store)], [2, ['a', 'b']]);
  },
};

async function add(store: DeadLetterStore, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) await ready(store.add(letter(id)));
}

async function idsOf(store: DeadLetterStore, page?: DeadLetterPage): Promise<readonly string[]> {
  return (await firstValueFrom(store.list(page).pipe(toArray()))).map(({ message }) => message.id);
}
