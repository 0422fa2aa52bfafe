/** The page of session.spec.ts: a wire over what the browser really has, to be told what to do. Its address says which outbox, and where to. */
import { interval, lastValueFrom, Subscription } from 'rxjs';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { ReceiptStatus } from '../../lib/message/receipt.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { outboxOf, storedIds, type Kind } from './pageSupport.js';

const asked = new URLSearchParams(location.search);
const kind = asked.get('kind') as Kind;

const receipts = new Map<string, Set<ReceiptStatus>>();
const failures: string[] = [];
const answers: unknown[] = [];
let wire: Wire;
let flowing = Subscription.EMPTY;
let flowed = 0;

const toolbox = {
  connect(options: { readonly steal?: boolean } = {}) {
    const link = webSocket(asked.get('url')!);
    const reconnect = { initialInterval: 10, maxInterval: 50 };
    wire = connect({ link, reconnect, outbox: outboxOf(kind, options), delivery: 'exactly-once' });
    wire.receipts$.subscribe(({ id, status }) => receipts.set(id, (receipts.get(id) ?? new Set()).add(status)));
    wire.errors$.subscribe((error) => failures.push([error.code, (error as { readonly fault?: string }).fault ?? ''].join(' ').trim()));
    // How it ends is in its state.
    wire.subscribe({ next: ({ payload }) => answers.push(payload), error: () => undefined });
  },
  status: () => wire.state.status,
  waitsFor: () => wire.state.waitingFor,
  failures: () => failures,
  failed: (how: string) => failures.includes(how),
  answers: () => answers,
  answered: (id: string) => answers.includes(id),

  /** Gives messages to the wire, each with that many characters, in one go. */
  send(ids: readonly string[], length = 0) {
    for (const id of ids) wire.next(createMessage('test.count', 'x'.repeat(length), { id }));
  },
  /** The server answers with the id. */
  ask: (id: string) => wire.next(createMessage('test.ask', null, { id })),

  /** Gives one message after the other from now on: `a1`, `a2` … */
  flow(name: string) {
    flowed = 0;
    flowing = interval(2).subscribe(() => toolbox.send([`${name}${++flowed}`]));
  },
  /** Ends that, and answers how many there were. */
  stop() {
    flowing.unsubscribe();
    return flowed;
  },

  /** Whether all of these have come so far. */
  have: (ids: readonly string[], status: ReceiptStatus) => ids.every((id) => receipts.get(id)?.has(status)),
  /** Those that have come so far. */
  which: (status: ReceiptStatus) => [...receipts.keys()].filter((id) => receipts.get(id)!.has(status)),
  /** Whether these, and no others, lie in the storage. */
  keeps: async (ids: readonly string[]) => String(await storedIds(kind)) === String(ids),

  /** How many pages wait for the lock of somebody. */
  waiting: async () => (await navigator.locks.query()).pending?.length,
  /** As somebody does who knows nothing of outboxes: takes all locks there are, and lets go of them. */
  async stealLocks() {
    const { held = [] } = await navigator.locks.query();
    await Promise.all(held.map(({ name }) => navigator.locks.request(name!, { steal: true }, () => undefined)));
  },

  /** Sends all that is to be sent, and answers how the wire has ended. */
  async finish() {
    wire.complete();
    return (await lastValueFrom(wire.state$)).status;
  },
  /** Waits for its end. */
  ended: () => lastValueFrom(wire.state$).then(({ status }) => status),
};

export type Toolbox = typeof toolbox;

declare global {
  interface Window {
    readonly sessionPage: Toolbox;
  }
}
Object.assign(window, { sessionPage: toolbox });
