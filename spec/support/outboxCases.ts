import { firstValueFrom, isObservable } from 'rxjs';
import type { MaybePromise } from '../../lib/message/maybeAsync.js';
import type { OpenedOutbox, OutboxHead, OutboxStore, StoredBatch } from '../../lib/stores/outboxStore.js';
import { ownerOf, type OutboxOwner } from './outboxOwner.js';

/** Somewhere an outbox lives, empty at first: a database, a folder, a Storage. */
export interface OutboxPlace {
  /** A store over it, as each page or process makes its own. No lock keeps two of them apart. */
  store(): OutboxStore;
  /** A store over it that has room for a batch of 1,000 bytes, and none for one of 100,000. For {@link quotaCases}. */
  small?(): OutboxStore;
  /** Damages what is kept of the batch that ends with this number; no store is open. For {@link corruptCases}. */
  corrupt?(last: number): void | Promise<void>;
  /** Damages what is kept of the outbox itself; no store is open. For {@link corruptHeadCases}. */
  corruptHead?(): void | Promise<void>;
}

/** Fails when the outbox of this place does not do what the title says. */
export type OutboxCase = (place: OutboxPlace) => void | Promise<void>;
type Fault = { readonly code?: string; readonly fault?: string };

/** A batch whose numbers begin with `first`. */
export function batch(first: number, count = 1, body: StoredBatch['body'] = `["msg",${first},${count},[]]`): StoredBatch {
  return { first, count, body, level: 'exactly-once' };
}

/** The head of an outbox that is new. */
const NEW_HEAD: OutboxHead = { acked: 0, last: 0, mark: 0, skips: [], isPaused: false, codec: '', ticket: undefined };
/** A head of which each field differs from that of a new outbox. */
const HEAD: OutboxHead = {
  ...{ acked: 1, last: 9, mark: 7, skips: [3, 5], isPaused: true, codec: 'msgpack' },
  ticket: { sid: 's', rt: 'r', former: ['older', 'oldest'] },
};

/** What every store does. Neither jest nor Node is needed: a page of a browser runs them too. */
export const commonCases: Readonly<Record<string, OutboxCase>> = {
  'has limits': (place) => {
    const { maxMessages, maxBytes } = place.store();
    holds(maxMessages > 0 && maxBytes > 0, 'limits above zero');
  },

  'is a sender of its own when it is new': async (place) => {
    const { pid, ...contents } = await ready(place.store().open());
    holds(/^[\w-]{22}$/.test(pid), `22 characters, not ${pid}`);
    same({ ...contents, ticket: contents.ticket }, { ...NEW_HEAD, epoch: 1, batches: [] });
  },

  'takes what it is given, and forgets what is acked': async (place) => {
    const store = ownerOf(place.store());
    await ready(store.open());
    await ready(store.add([batch(1, 3), batch(4)]));
    await ready(store.ack(3));
    await ready(store.replace({ acked: 4, mark: 4 }, [batch(5)]));
    await ready(store.set({ ticket: { sid: 's', rt: 'r', former: [] } }));
    store.close();
  },

  'can be closed before it was opened, and twice': async (place) => {
    const store = ownerOf(place.store());
    store.close();
    await ready(store.open());
    store.close();
    store.close();
  },
};

/** What every store does that outlives the process. */
export const durableCases: Readonly<Record<string, OutboxCase>> = {
  'says that it outlives the process': (place) => same(place.store().isDurable, true),

  'keeps its pid, and gives each owner a higher epoch': async (place) => {
    const first = await reopened(place);
    const second = await reopened(place);
    const third = await reopened(place);
    same([second.pid, third.pid], [first.pid, first.pid]);
    same([first.epoch, second.epoch, third.epoch], [1, 2, 3]);
  },

  'can be opened again after it was closed': async (place) => {
    const store = ownerOf(place.store());
    const { pid } = await ready(store.open());
    await ready(store.add([batch(1)]));
    store.close();
    const again = await ready(store.open());
    same([again.pid, again.epoch, again.batches], [pid, 2, [batch(1)]]);
    await ready(store.add([batch(2)]));
    store.close();
    same((await reopened(place)).batches, [batch(1), batch(2)]);
  },

  'brings back batches in the order of their numbers': async (place) => {
    const batches = [batch(1, 8), batch(9), batch(10, 90), batch(100), batch(101, 1_000)];
    await opened(place, async (store) => {
      await ready(store.add(batches.slice(0, 3)));
      await ready(store.add(batches.slice(3)));
    });
    const contents = await reopened(place);
    same([contents.batches, contents.acked], [batches, 0]);
    same(contents.last, 1_100);
  },

  'brings back bodies as they were: text': async (place) => {
    const bodies = ['', '["msg",1,1,[["a\\"\\\\",null]]]', '\u0000\u001f\u007f\u0080\uffff', 'ä 漢 🚀 \u2028', 'x'.repeat(100_000)];
    await keeps(place, bodies);
  },

  'brings back bodies as they were: bytes': async (place) => {
    const every = Uint8Array.from({ length: 256 }, (_, index) => index);
    const large = Uint8Array.from({ length: 100_001 }, (_, index) => (index * 31) % 256);
    await keeps(place, [new Uint8Array(0), every, every.subarray(3, 8), large]);
  },

  'brings back the level of each batch, and no more than it needs': async (place) => {
    const one = { ...batch(1), level: 'at-least-once' as const };
    await opened(place, (store) => ready(store.add([{ ...one, messages: [() => undefined] } as StoredBatch, batch(2)])));
    same((await reopened(place)).batches, [one, batch(2)]);
  },

  'is not touched by what becomes of the bytes later': async (place) => {
    const body = Uint8Array.of(1, 2, 3);
    await opened(place, async (store) => {
      await ready(store.add([batch(1, 1, body)]));
      body.fill(0);
    });
    same((await reopened(place)).batches, [batch(1, 1, Uint8Array.of(1, 2, 3))]);
  },

  'forgets batches that are acked as a whole': async (place) => {
    await opened(place, async (store) => {
      await ready(store.add([batch(1, 2), batch(3, 2), batch(5)]));
      await ready(store.ack(3));
    });
    const contents = await reopened(place);
    same([contents.acked, contents.batches], [3, [batch(3, 2), batch(5)]]);
  },

  'knows what is acked when nothing is left': async (place) => {
    await opened(place, async (store) => {
      await ready(store.add([batch(1, 2), batch(3)]));
      await ready(store.ack(3));
    });
    const { acked, batches, last } = await reopened(place);
    same([acked, batches, last], [3, [], 3]);
  },

  'applies writes in flight in their order': async (place) => {
    await opened(place, async (store) => {
      await ready(store.add([batch(1), batch(2)]));
      const writes = [
        store.add([batch(3)]),
        store.ack(2),
        store.replace({ acked: 0, mark: 3 }, [batch(1, 1, 'new'), batch(2, 1, 'new')]),
        store.add([batch(3, 1, 'new')]),
        store.set({ mark: 4 }),
        store.ack(1),
      ];
      await Promise.all(writes.map(ready));
    });
    const { acked, last, mark, batches } = await reopened(place);
    same([acked, last, mark, batches], [1, 3, 4, [batch(2, 1, 'new'), batch(3, 1, 'new')]]);
  },

  'removes what it held before it was opened, once that is acked': async (place) => {
    await opened(place, (store) => ready(store.add([batch(1), batch(2), batch(3)])));
    await opened(place, (store) => ready(store.ack(2)));
    same((await reopened(place)).batches, [batch(3)]);
  },

  'puts batches in the place of all others': async (place) => {
    await opened(place, async (store) => {
      await ready(store.add([batch(1), batch(2, 2), batch(4)]));
      await ready(store.replace({ acked: 2, mark: 2 }, [batch(3, 1, 'new'), batch(4, 5, 'longer')]));
      await ready(store.add([batch(9)]));
    });
    const { acked, batches } = await reopened(place);
    same([acked, batches], [2, [batch(3, 1, 'new'), batch(4, 5, 'longer'), batch(9)]]);
  },

  'goes back to lower numbers when told to, as a server that forgot us begins at 1': async (place) => {
    await opened(place, async (store) => {
      await ready(store.add([batch(1, 50), batch(51, 50)]));
      await ready(store.ack(50));
      await ready(store.replace({ acked: 0, mark: 0 }, [batch(1, 50)]));
    });
    const { acked, batches, last } = await reopened(place);
    same([acked, batches, last], [0, [batch(1, 50)], 50]);
  },

  'brings back the head whole, also after other owners': async (place) => {
    await opened(place, (store) => ready(store.set(HEAD)));
    same(headIn(await reopened(place)), HEAD);
    same(headIn(await reopened(place)), HEAD);
  },

  'brings back the latest head, also where its numbers are lower': async (place) => {
    const head: OutboxHead = { ...NEW_HEAD, last: 1, mark: 1, ticket: { sid: 's', rt: 'later', former: [] } };
    await opened(place, async (store) => {
      await ready(store.set(HEAD));
      await ready(store.replace(head, [batch(1)]));
    });
    const contents = await opened(place, (store) => ready(store.set({ ticket: undefined, mark: 0 })));
    same([headIn(contents), contents.batches], [head, [batch(1)]]);
    same(headIn(await reopened(place)), { ...head, mark: 0, ticket: undefined });
  },

  'adds, removes what is acked, and takes the ticket and the mark in one write': async (place) => {
    const ticket = { sid: 's', rt: 'r', former: ['former'] };
    const head: OutboxHead = { ...NEW_HEAD, acked: 2, last: 4, mark: 4, ticket };
    await opened(place, async (store) => {
      await ready(store.add([batch(1), batch(2), batch(3)]));
      await ready(store.write({ head, batches: [batch(4)], replaces: false }));
    });
    const contents = await reopened(place);
    same([headIn(contents), contents.batches], [head, [batch(3), batch(4)]]);
  },

  'takes the ticket and the mark together with batches in the place of all others': async (place) => {
    const head: OutboxHead = { ...HEAD, acked: 5, last: 6, mark: 5, skips: [] };
    await opened(place, async (store) => {
      await ready(store.add([batch(1), batch(2)]));
      await ready(store.set({ mark: 1_026 }));
      await ready(store.write({ head, batches: [batch(6)], replaces: true }));
    });
    const contents = await reopened(place);
    same([headIn(contents), contents.batches], [head, [batch(6)]]);
  },

  'fences an owner that another has followed': async (place) => {
    const stale = ownerOf(place.store());
    const told = faultsOf(stale);
    await ready(stale.open());
    await ready(stale.add([batch(1)]));
    const owner = ownerOf(place.store());
    same((await ready(owner.open())).epoch, 2);
    await ready(owner.add([batch(2)]));

    same(await faultOf(() => stale.add([batch(2, 1, 'stale')])), 'fenced');
    same(await faultOf(() => stale.replace({ acked: 9, mark: 9 }, [])), 'fenced');
    same(await faultOf(() => stale.set(HEAD)), 'fenced');
    same(await faultOf(() => stale.ack(2)), 'fenced');
    holds(told.includes('fenced'), 'told by faults$');
    stale.close();
    await ready(owner.add([batch(3)]));
    owner.close();
    const { acked, batches, ticket } = await reopened(place);
    same([acked, batches, ticket], [0, [batch(1), batch(2), batch(3)], undefined]);
  },

  'delivers what is wrong, and throws nothing': async (place) => {
    const store = ownerOf(place.store());
    same(await faultOf(() => store.add([batch(1)])), 'failed');
    await ready(store.open());
    store.close();
    same(await faultOf(() => store.ack(1)), 'failed');
  },
};

/** What a store does that has no room; it takes the `small` of a place. */
export const quotaCases: Readonly<Record<string, OutboxCase>> = {
  'stores nothing of a write that has no room, and goes on': async (place) => {
    const store = ownerOf(place.small!());
    await ready(store.open());
    await ready(store.add([batch(1, 1, 'x'.repeat(1_000))]));
    await ready(store.set({ mark: 1 }));
    const large = [batch(2), batch(3, 1, 'x'.repeat(100_000))];
    same(await faultOf(() => store.write({ head: { ...HEAD, acked: 0 }, batches: large, replaces: false })), 'quota');
    same(await faultOf(() => store.write({ head: { ...HEAD, acked: 1 }, batches: large, replaces: true })), 'quota');
    await ready(store.add([batch(2)]));
    store.close();
    const contents = await reopened(place);
    same([headIn(contents), contents.batches], [{ ...NEW_HEAD, last: 2, mark: 1 }, [batch(1, 1, 'x'.repeat(1_000)), batch(2)]]);
  },
};

/** What a store does with records that nobody wrote; it takes the `corrupt` of a place. */
export const corruptCases: Readonly<Record<string, OutboxCase>> = {
  'leaves out a batch that is corrupt, and tells': async (place) => {
    await opened(place, (store) => ready(store.add([batch(1), batch(2), batch(3)])));
    await place.corrupt!(2);
    const store = ownerOf(place.store());
    const told = faultsOf(store);
    same((await ready(store.open())).batches, [batch(1), batch(3)]);
    same(told, ['corrupt']);
    await ready(store.add([batch(4)]));
    await ready(store.ack(3));
    store.close();
    same((await reopened(place)).batches, [batch(4)]);
  },

  'does not give the number of a corrupt batch again': async (place) => {
    await opened(place, (store) => ready(store.add([batch(1), batch(2, 5)])));
    await place.corrupt!(6);
    const { batches, last } = await reopened(place);
    same([batches, last], [[batch(1)], 6]);
  },
};

/** What a store does when it no longer knows who it was; it takes the `corruptHead` of a place. */
export const corruptHeadCases: Readonly<Record<string, OutboxCase>> = {
  'is another sender when it cannot read who it was, and tells': async (place) => {
    const { pid } = await opened(place, (store) => ready(store.add([batch(1), batch(2)])));
    await place.corruptHead!();
    const store = ownerOf(place.store());
    const told = faultsOf(store);
    const contents = await ready(store.open());
    holds(contents.pid !== pid, 'another pid');
    same([contents.epoch, contents.acked, contents.batches, contents.last, told], [1, 0, [], 0, ['corrupt']]);
    await ready(store.add([batch(1, 1, 'new')]));
    store.close();
    same((await reopened(place)).batches, [batch(1, 1, 'new')]);
  },
};

/** Every case that a place of this kind takes. */
export const outboxCases: Readonly<Record<string, OutboxCase>> = { ...commonCases, ...durableCases, ...corruptCases, ...corruptHeadCases };

/** The value, when it is there. */
export function ready<T>(later: MaybePromise<T>): Promise<T> {
  return isObservable(later) ? firstValueFrom(later, { defaultValue: undefined as T }) : Promise.resolve(later);
}

/** The fault that is delivered; what is thrown instead is passed on. */
export async function faultOf(call: () => MaybePromise<unknown>): Promise<unknown> {
  const later = call();
  try {
    await ready(later);
  } catch (error) {
    return (error as Fault).code === 'ERR_STORE' ? (error as Fault).fault : error;
  }
  return undefined;
}

/** The faults that are told from now on. */
export function faultsOf(store: OutboxStore): string[] {
  const faults: string[] = [];
  store.faults$?.subscribe(({ fault }) => faults.push(fault));
  return faults;
}

async function opened(place: OutboxPlace, use: (store: OutboxOwner) => Promise<unknown> = () => Promise.resolve()) {
  const store = ownerOf(place.store());
  const contents = await ready(store.open());
  await use(store);
  store.close();
  return contents;
}

/** The head in what an owner finds. */
function headIn({ acked, last, mark, skips, isPaused, codec, ticket }: OpenedOutbox): OutboxHead {
  return { acked, last, mark, skips, isPaused, codec, ticket };
}

const reopened = (place: OutboxPlace) => opened(place);

async function keeps(place: OutboxPlace, bodies: readonly StoredBatch['body'][]): Promise<void> {
  const batches = bodies.map((body, index) => batch(index + 1, 1, body));
  await opened(place, (store) => ready(store.add(batches)));
  same((await reopened(place)).batches, batches);
}

export function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`expected ${what}`);
}

export function same(actual: unknown, expected: unknown): void {
  if (shown(actual) !== shown(expected)) throw new Error(`expected ${shown(expected)}, got ${shown(actual)}`);
}

/** As text that tells bytes, text and what is undefined apart, with fields in the order of the alphabet. */
function shown(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part === undefined) return '<undefined>';
    if (part instanceof Uint8Array) return { bytes: [...part].join() };
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
