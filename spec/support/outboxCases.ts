import { firstValueFrom, isObservable } from 'rxjs';
import type { Frame } from '../../lib/link/link.js';
import type { MaybePromise } from '../../lib/internal/maybeAsync.js';
import type { OutboxStore, StoredBatch } from '../../lib/session/store/outboxStore.js';

/** Somewhere an outbox lives, empty at first: a database, a folder, a Storage. */
export interface OutboxPlace {
  /** A store over it, as each page or process makes its own. No lock keeps two of them apart. */
  store(): OutboxStore;
  /** Damages what is kept of the batch that ends with this number; no store is open. For {@link corruptCases}. */
  corrupt?(last: number): void | Promise<void>;
  /** Damages what is kept of the outbox itself; no store is open. For {@link corruptHeadCases}. */
  corruptHead?(): void | Promise<void>;
}

/** Fails when the outbox of this place does not do what the title says. */
export type OutboxCase = (place: OutboxPlace) => void | Promise<void>;
type Fault = { readonly code?: string; readonly fault?: string };

/** A batch whose numbers begin with `first`. */
export function batch(first: number, count = 1, frame: Frame = `["msg",${first},${count},[]]`): StoredBatch {
  return { first, count, frame, delivery: 'exactly-once' };
}

/** What every store does. Neither jest nor Node is needed: a page of a browser runs them too. */
export const commonCases: Readonly<Record<string, OutboxCase>> = {
  'has limits': (place) => {
    const { maxMessages, maxBytes } = place.store();
    holds(maxMessages > 0 && maxBytes > 0, 'limits above zero');
  },

  'is a sender of its own when it is new': async (place) => {
    const { pid, ...contents } = await ready(place.store().open());
    holds(/^[\w-]{22}$/.test(pid), `22 characters, not ${pid}`);
    same(
      { ...contents, last: contents.last ?? 0, sent: contents.sent ?? 0, ticket: contents.ticket },
      { epoch: 1, acked: 0, batches: [], last: 0, sent: 0, ticket: undefined },
    );
  },

  'takes what it is given, and forgets what is acked': async (place) => {
    const store = place.store();
    await ready(store.open());
    await ready(store.append([batch(1, 3), batch(4)]));
    await ready(store.trim(3));
    await ready(store.replace(4, [batch(5)], 4));
    await ready(store.remember({ sid: 's', rt: 'r' }));
    store.close();
  },

  'can be closed before it was opened, and twice': async (place) => {
    const store = place.store();
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
    const store = place.store();
    const { pid } = await ready(store.open());
    await ready(store.append([batch(1)]));
    store.close();
    const again = await ready(store.open());
    same([again.pid, again.epoch, again.batches], [pid, 2, [batch(1)]]);
    await ready(store.append([batch(2)]));
    store.close();
    same((await reopened(place)).batches, [batch(1), batch(2)]);
  },

  'brings back batches in the order of their numbers': async (place) => {
    const batches = [batch(1, 8), batch(9), batch(10, 90), batch(100), batch(101, 1_000)];
    await opened(place, async (store) => {
      await ready(store.append(batches.slice(0, 3)));
      await ready(store.append(batches.slice(3)));
    });
    const contents = await reopened(place);
    same([contents.batches, contents.acked], [batches, 0]);
    same(contents.last ?? 1_100, 1_100);
  },

  'brings back frames as they were: text': async (place) => {
    const frames = ['', '["msg",1,1,[["a\\"\\\\",null]]]', '\u0000\u001f\u007f\u0080\uffff', 'ä 漢 🚀 \u2028', 'x'.repeat(100_000)];
    await keeps(place, frames);
  },

  'brings back frames as they were: bytes': async (place) => {
    const every = Uint8Array.from({ length: 256 }, (_, index) => index);
    const large = Uint8Array.from({ length: 100_001 }, (_, index) => (index * 31) % 256);
    await keeps(place, [new Uint8Array(0), every, every.subarray(3, 8), large]);
  },

  'brings back the level of each batch, and no more than it needs': async (place) => {
    const one = { ...batch(1), delivery: 'at-least-once' as const };
    await opened(place, (store) => ready(store.append([{ ...one, messages: [() => undefined] } as StoredBatch, batch(2)])));
    same((await reopened(place)).batches, [one, batch(2)]);
  },

  'is not touched by what becomes of the bytes later': async (place) => {
    const frame = Uint8Array.of(1, 2, 3);
    await opened(place, async (store) => {
      await ready(store.append([batch(1, 1, frame)]));
      frame.fill(0);
    });
    same((await reopened(place)).batches, [batch(1, 1, Uint8Array.of(1, 2, 3))]);
  },

  'forgets batches that are acked as a whole': async (place) => {
    await opened(place, async (store) => {
      await ready(store.append([batch(1, 2), batch(3, 2), batch(5)]));
      await ready(store.trim(3));
    });
    const contents = await reopened(place);
    same([contents.acked, contents.batches], [3, [batch(3, 2), batch(5)]]);
  },

  'knows what is acked when nothing is left': async (place) => {
    await opened(place, async (store) => {
      await ready(store.append([batch(1, 2), batch(3)]));
      await ready(store.trim(3));
    });
    const { acked, batches, last } = await reopened(place);
    same([acked, batches, last ?? 3], [3, [], 3]);
  },

  'is not taken back by an older ack': async (place) => {
    await opened(place, async (store) => {
      await ready(store.append([batch(1), batch(2), batch(3)]));
      await ready(store.trim(2));
      await ready(store.trim(1));
    });
    const { acked, batches } = await reopened(place);
    same([acked, batches], [2, [batch(3)]]);
  },

  'trims while it appends': async (place) => {
    await opened(place, async (store) => {
      await ready(store.append([batch(1), batch(2)]));
      await Promise.all([ready(store.append([batch(3)])), ready(store.trim(2))]);
    });
    const { acked, batches } = await reopened(place);
    same([acked, batches], [2, [batch(3)]]);
  },

  'trims what it held before it was opened': async (place) => {
    await opened(place, (store) => ready(store.append([batch(1), batch(2), batch(3)])));
    await opened(place, (store) => ready(store.trim(2)));
    same((await reopened(place)).batches, [batch(3)]);
  },

  'puts batches in the place of all others': async (place) => {
    await opened(place, async (store) => {
      await ready(store.append([batch(1), batch(2, 2), batch(4)]));
      await ready(store.replace(2, [batch(3, 1, 'new'), batch(4, 5, 'longer')], 2));
      await ready(store.append([batch(9)]));
    });
    const { acked, batches } = await reopened(place);
    same([acked, batches], [2, [batch(3, 1, 'new'), batch(4, 5, 'longer'), batch(9)]]);
  },

  'goes back to lower numbers when told to, as a server that forgot us begins at 1': async (place) => {
    await opened(place, async (store) => {
      await ready(store.append([batch(1, 50), batch(51, 50)]));
      await ready(store.trim(50));
      await ready(store.replace(0, [batch(1, 50)], 0));
    });
    const { acked, batches, last } = await reopened(place);
    same([acked, batches, last ?? 50], [0, [batch(1, 50)], 50]);
  },

  'keeps the last mark of what may have been sent, also a lower one': async (place) => {
    await opened(place, async (store) => {
      await ready(store.append([batch(1), batch(2)]));
      await ready(store.mark(1_026));
      await Promise.all([ready(store.append([batch(3)])), ready(store.mark(2)), ready(store.trim(1))]);
    });
    await opened(place, (store) => ready(store.remember({ sid: 's', rt: 'r' })));
    const { acked, sent, batches } = await reopened(place);
    same([acked, sent, batches], [1, 2, [batch(2), batch(3)]]);
  },

  'replaces the mark together with the batches': async (place) => {
    await opened(place, async (store) => {
      await ready(store.append([batch(1), batch(2)]));
      await ready(store.mark(1_026));
      await ready(store.replace(5, [batch(6)], 5));
    });
    const { acked, sent, batches } = await reopened(place);
    same([acked, sent, batches], [5, 5, [batch(6)]]);
  },

  'keeps the last ticket': async (place) => {
    await opened(place, async (store) => {
      await ready(store.remember({ sid: 'a', rt: 'one' }));
      await ready(store.remember({ sid: 'a', rt: 'two', former: ['one'] }));
      await ready(store.append([batch(1)]));
      await ready(store.trim(1));
    });
    same((await reopened(place)).ticket, { sid: 'a', rt: 'two', former: ['one'] });
  },

  'keeps all of what changes at once': async (place) => {
    const ticket = { sid: 's', rt: 'r' };
    await opened(place, async (store) => {
      await ready(store.append([batch(1), batch(2)]));
      const writes = [store.append([batch(3)]), store.remember(ticket), store.trim(1)];
      await Promise.all(writes.map(ready));
      await ready(store.trim(2));
    });
    const { acked, batches, ...contents } = await reopened(place);
    same([acked, contents.ticket, batches], [2, ticket, [batch(3)]]);
  },

  'fences an owner that another has followed': async (place) => {
    const stale = place.store();
    const told = faultsOf(stale);
    await ready(stale.open());
    await ready(stale.append([batch(1)]));
    const owner = place.store();
    same((await ready(owner.open())).epoch, 2);
    await ready(owner.append([batch(2)]));

    same(await faultOf(() => stale.append([batch(2, 1, 'stale')])), 'fenced');
    same(await faultOf(() => stale.replace(9, [], 9)), 'fenced');
    same(await faultOf(() => stale.remember({ sid: 's', rt: 'stale' })), 'fenced');
    same(await faultOf(() => stale.trim(2)), 'fenced');
    same(await faultOf(() => stale.mark(9)), 'fenced');
    holds(told.includes('fenced'), 'told by faults$');
    stale.close();
    await ready(owner.append([batch(3)]));
    owner.close();
    const { acked, batches, ticket } = await reopened(place);
    same([acked, batches, ticket], [0, [batch(1), batch(2), batch(3)], undefined]);
  },

  'delivers what is wrong, and throws nothing': async (place) => {
    const store = place.store();
    same(await faultOf(() => store.append([batch(1)])), 'failed');
    await ready(store.open());
    store.close();
    same(await faultOf(() => store.trim(1)), 'failed');
  },
};

/** What a store does with records that nobody wrote; it takes the `corrupt` of a place. */
export const corruptCases: Readonly<Record<string, OutboxCase>> = {
  'leaves out a batch that is corrupt, and tells': async (place) => {
    await opened(place, (store) => ready(store.append([batch(1), batch(2), batch(3)])));
    await place.corrupt!(2);
    const store = place.store();
    const told = faultsOf(store);
    same((await ready(store.open())).batches, [batch(1), batch(3)]);
    same(told, ['corrupt']);
    await ready(store.append([batch(4)]));
    await ready(store.trim(3));
    store.close();
    same((await reopened(place)).batches, [batch(4)]);
  },

  'does not give the number of a corrupt batch again': async (place) => {
    await opened(place, (store) => ready(store.append([batch(1), batch(2, 5)])));
    await place.corrupt!(6);
    const { batches, last } = await reopened(place);
    same([batches, last], [[batch(1)], 6]);
  },
};

/** What a store does when it no longer knows who it was; it takes the `corruptHead` of a place. */
export const corruptHeadCases: Readonly<Record<string, OutboxCase>> = {
  'is another sender when it cannot read who it was, and tells': async (place) => {
    const { pid } = await opened(place, (store) => ready(store.append([batch(1), batch(2)])));
    await place.corruptHead!();
    const store = place.store();
    const told = faultsOf(store);
    const contents = await ready(store.open());
    holds(contents.pid !== pid, 'another pid');
    same([contents.epoch, contents.acked, contents.batches, contents.last ?? 0, told], [1, 0, [], 0, ['corrupt']]);
    await ready(store.append([batch(1, 1, 'new')]));
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

async function opened(place: OutboxPlace, use: (store: OutboxStore) => Promise<unknown> = () => Promise.resolve()) {
  const store = place.store();
  const contents = await ready(store.open());
  await use(store);
  store.close();
  return contents;
}

const reopened = (place: OutboxPlace) => opened(place);

async function keeps(place: OutboxPlace, frames: readonly Frame[]): Promise<void> {
  const batches = frames.map((frame, index) => batch(index + 1, 1, frame));
  await opened(place, (store) => ready(store.append(batches)));
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
