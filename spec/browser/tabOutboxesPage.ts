/** The page of tabOutboxes.spec.ts: a tab with an outbox of its own, which also drains those of closed tabs. Its address says where to. */
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { indexedDbOutbox } from '../../lib/stores/indexeddb/index.js';
import type { OutboxStore } from '../../lib/stores/outboxStore.js';
import { tabOutboxes, type DrainedOutbox } from '../../lib/stores/web/tabOutboxes.js';
import { webStorageOutbox } from '../../lib/stores/web/webStorageOutbox.js';
import { connect } from '../../lib/wire/connect.js';

const asked = new URLSearchParams(location.search);
const make = asked.get('kind') === 'indexedDB' ? (name: string) => indexedDbOutbox(name) : (name: string) => webStorageOutbox(name);
const outboxes = tabOutboxes('notes', make, { drainAfter: 1_000 });
const open = (outbox: OutboxStore) =>
  connect({
    link: webSocket(asked.get('url')!),
    outbox,
    delivery: 'exactly-once',
    reconnect: { initialInterval: 100, maxInterval: 200 },
  });
const wire = open(outboxes.own);
wire.subscribe();
const drained: DrainedOutbox[] = [];
outboxes.drainClosed(open).subscribe((outbox) => drained.push(outbox));

const tabPage = {
  status: () => wire.state.status,
  drained: () => drained.map(({ name, error }) => [name, error === undefined ? 'sent' : error]),
  /** Sends messages, and waits until they are stored. */
  store: async (id: string, first: number, count: number): Promise<void> => {
    const messages = Array.from({ length: count }, (_, index) => createMessage('test.said', [id, first + index]));
    await Promise.all(messages.map((message) => wire.send(message, { until: 'stored' })));
  },
  held: async () => (await navigator.locks.query()).held!.map(({ name }) => name!).filter((name) => name.startsWith('rxwire:outboxes:')),
  /** The numbers of the outbox that this tab has stored for its reload. */
  number: () => sessionStorage.getItem('rxwire:outboxes:notes'),
  databases: async () => (await indexedDB.databases()).map(({ name }) => name!).sort(),
};
declare global {
  interface Window {
    readonly tabPage: typeof tabPage;
  }
}
Object.assign(window, { tabPage });
