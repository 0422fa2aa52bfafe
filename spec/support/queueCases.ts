import type { QueuedMessage, QueueLog } from '../../lib/operators/queue/queueStore.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { faultOf, ready, same as sameText } from './outboxCases.js';

/** Somewhere a queue lives, empty at first: a database, a folder. */
export interface QueuePlace {
  /** What is kept of it, as each page or process sees it. No lock keeps two of them apart. */
  log(): QueueLog;
  /** Damages what is kept at this place in line; nobody has it open. */
  corrupt(place: number): void | Promise<void>;
}

/** Fails when the store of this place does not do what the title says. */
export type QueueCase = (place: QueuePlace) => Promise<void>;

export function queued(place: number): QueuedMessage {
  const payload = { text: `${place}`, bytes: Uint8Array.of(place), list: [1, null, true] };
  return {
    place,
    since: 1_000 + place,
    message: createMessage('spec.queued', payload, { id: `m${place}`, timestamp: place, priority: 2 }),
  };
}

/** What every store of queues does. Neither jest nor Node is needed: a page of a browser runs them too. */
export const queueCases: Readonly<Record<string, QueueCase>> = {
  'is empty when it is new': async (place) => same(await contentsOf(place), []),

  'keeps what it is given, in order, for the next owner': async (place) => {
    await opened(place, (log) => ready(log.write([queued(1), queued(2)], [])));
    same(await contentsOf(place), [queued(1), queued(2)]);
    await opened(place, (log) => ready(log.write([queued(10), queued(11)], [])));
    same(await contentsOf(place), [1, 2, 10, 11].map(queued));
  },

  'adds and removes at once': async (place) => {
    await opened(place, async (log) => {
      await ready(log.write([1, 2, 3].map(queued), []));
      await ready(log.write([queued(4)], [1, 3]));
    });
    same(await contentsOf(place), [queued(2), queued(4)]);
  },

  'does not mind to remove what is not there': async (place) => {
    await opened(place, async (log) => {
      await ready(log.write([queued(1)], [7]));
      await ready(log.write([], [1]));
      await ready(log.write([], [1]));
    });
    same(await contentsOf(place), []);
  },

  'fences who has opened it before': async (place) => {
    const [older, newer] = [place.log(), place.log()];
    await ready(older.open());
    await ready(older.write([queued(1)], []));
    same(await ready(newer.open()), [queued(1)]);
    same(await faultOf(() => older.write([queued(2)], [1])), 'fenced');
    await ready(newer.write([queued(3)], []));
    older.close();
    newer.close();
    same(await contentsOf(place), [queued(1), queued(3)]);
  },

  'stores nothing of a write that fails': async (place) => {
    const strange = {
      ...queued(2),
      message: {
        ...queued(2).message,
        payload: {
          get never() {
            throw new Error('it cannot be read');
          },
        },
      },
    };
    await opened(place, async (log) => {
      await ready(log.write([queued(1)], []));
      same(await faultOf(() => log.write([strange], [1])), 'failed');
      await ready(log.write([queued(3)], []));
    });
    same(await contentsOf(place), [queued(1), queued(3)]);
  },

  'leaves out what is corrupt, and tells once': async (place) => {
    await opened(place, (log) => ready(log.write([1, 2, 3].map(queued), [])));
    await place.corrupt(2);
    for (const expected of [['corrupt'], []]) {
      const log = place.log();
      const told: string[] = [];
      log.faults$?.subscribe(({ fault }) => told.push(fault));
      same(await ready(log.open()), [queued(1), queued(3)]);
      same(told, expected);
      log.close();
    }
  },

  'delivers what is wrong, and throws nothing': async (place) => {
    const log = place.log();
    same(await faultOf(() => log.write([queued(1)], [])), 'failed');
    await ready(log.open());
    log.close();
    log.close();
    same(await faultOf(() => log.write([], [1])), 'failed');
  },
};

/** Some stores answer with a kind of bytes of their own. */
function same(actual: unknown, expected: unknown): void {
  sameText(plain(actual), plain(expected));
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

async function opened(place: QueuePlace, use: (log: QueueLog) => Promise<unknown>): Promise<void> {
  const log = place.log();
  await ready(log.open());
  await use(log);
  log.close();
}

async function contentsOf(place: QueuePlace): Promise<readonly QueuedMessage[]> {
  const log = place.log();
  const contents = await ready(log.open());
  log.close();
  return contents;
}
