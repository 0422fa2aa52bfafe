/** The page of inbox.spec.ts: inboxes over what the browser really has, and a wire with one of them. */
import { firstValueFrom, map, toArray } from 'rxjs';
import { indexedDbInbox, indexedDbOutbox, type IndexedDbInbox, type IndexedDbTransaction } from '../../lib/stores/indexeddb/index.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { createDeadLetter } from '../../lib/wire/createDeadLetter.js';
import type { Cursor } from '../../lib/core/storedTypes.js';
import type { InboxClaim, InboxLease } from '../../lib/stores/inbox.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { ready } from '../support/outboxCases.js';

const inboxes = new Map<string, IndexedDbInbox>();
/** @param name The name of the inbox, and behind a colon that of one of its processes. */
function inboxOf(name: string): IndexedDbInbox {
  const inbox = inboxes.get(name) ?? indexedDbInbox(name.replace(/:.*/, ''), { maxDeadLetters: 2 });
  inboxes.set(name, inbox);
  return inbox;
}
/** Answers the fault of a store, or the text of another error. */
async function failureOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    const { fault, message } = error as { readonly fault?: string; readonly message: string };
    return fault ?? message;
  }
}

/** What the messages have done: the id of each, and its payload. */
const effects = indexedDbInbox('chat').table<readonly [id: string, payload: string]>('effects');
const stored = (): Promise<readonly (readonly [id: string, payload: string])[]> =>
  firstValueFrom(effects.entries()).then((entries) => entries.map(([, value]) => value));
let wire: Wire;
let calls = 0;
const failures = new Set<string>();

/** How many answers a page asks for: more than a fast browser receives in its life. */
const MOST = 40;

const toolbox = {
  claim: (name: string, pid: string, claim: InboxClaim | undefined) => ready(inboxOf(name).claim(pid, () => claim)),
  commit: (name: string, lease: InboxLease, cursor: Cursor) => failureOf(ready(inboxOf(name).commit(lease, cursor, []))),
  remember: (name: string, lease: InboxLease, session: unknown) => failureOf(ready(inboxOf(name).remember(lease, session))),
  /** Commits one message, whose effect writes the values and then fails if it is to. */
  commitEffect(name: string, lease: InboxLease, done: number, values: Readonly<Record<string, unknown>>, failure?: string) {
    const inbox = inboxOf(name);
    const table = inbox.table('values');
    const effect = (transaction: IndexedDbTransaction): void => {
      for (const [key, value] of Object.entries(values))
        if (value === null) transaction.remove(table, key);
        else transaction.put(table, key, value);
      if (failure !== undefined) throw new Error(failure);
    };
    return failureOf(ready(inbox.commit(lease, { done, finished: [] }, [{ effect }])));
  },
  values: (name: string) => firstValueFrom(inboxOf(name).table('values').entries()),
  value: (name: string, key: string) => firstValueFrom(inboxOf(name).table('values').get(key)),
  bury: (name: string, lease: InboxLease, reason: string) => {
    const deadLetter = createDeadLetter(createMessage('order.placed', null), new Error(reason));
    return failureOf(ready(inboxOf(name).commit(lease, { done: 1, finished: [] }, [{ deadLetter }])));
  },
  letters: (name: string) =>
    firstValueFrom(
      inboxOf(name)
        .deadLetters.list()
        .pipe(
          map(({ id, reason }) => `${id} ${reason}`),
          toArray(),
        ),
    ),
  close: (name: string) => inboxOf(name).close(),

  /** Connects, and writes the payload of each message to a table, in the transaction of the inbox. */
  connect(life: number) {
    const link = webSocket(new URLSearchParams(location.search).get('url')!);
    const reconnect = { initialInterval: 10, maxInterval: 50 };
    const stores = { outbox: indexedDbOutbox('chat'), inbox: indexedDbInbox('chat') };
    wire = connect({ link, reconnect, ...stores, delivery: 'exactly-once' });
    const handler = consume(() => undefined, {
      effect: (transaction: IndexedDbTransaction, { id, payload }) => transaction.put(effects, `${life} ${calls++}`, [id, String(payload)]),
    });
    wire.errors$.subscribe(({ code }) => failures.add(code));
    wire.pipe(handler).subscribe({ error: () => undefined });
  },
  /** Asks for answers, one after the other from now on. */
  flow(life: number) {
    let asked = 0;
    const ask = (): void => wire.next(createMessage('test.ask', null, { id: `${life}:${++asked}` }));
    setInterval(() => asked < MOST && ask(), 3);
  },
  ask: (id: string) => wire.next(createMessage('test.ask', null, { id })),
  failures: () => [...failures],
  effects: () => stored().then((all) => all.map(([, payload]) => payload)),
  has: (id: string) => stored().then((all) => all.some(([, payload]) => payload === id)),
  ids: () => stored().then((all) => all.map(([id]) => id)),
};

export type Toolbox = typeof toolbox;

declare global {
  interface Window {
    readonly inboxPage: Toolbox;
  }
}
Object.assign(window, { inboxPage: toolbox });
