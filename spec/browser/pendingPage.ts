/** The page of pending.spec.ts: an offline form, whose rows are the messages of its outbox. */
import { pendingOf } from '../../lib/operators/sending/pendingOf.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { connect } from '../../lib/wire/connect.js';
import { outboxOf, type Kind } from './pageSupport.js';

/** A row of the form. */
export interface Row {
  readonly id: string;
  readonly type: string;
  readonly payload: unknown;
  readonly createdAt: number;
  readonly status: string;
}

const asked = new URLSearchParams(location.search);
const kind = asked.get('kind') as Kind;
const link = webSocket(asked.get('url')!);
const reconnect = { initialInterval: 10, maxInterval: 50 };
const codec = kind === 'indexedDB' ? msgpack() : json();
const wire = connect({ link, codec, reconnect, outbox: outboxOf(kind) });
let rows: readonly Row[] = [];
pendingOf(wire).subscribe((pending) => {
  rows = pending.map(({ message: { id, type, payload, timestamp }, status }) => ({ id, type, payload, createdAt: timestamp, status }));
});

const pendingPage = {
  rows: () => rows,
  save: (id: string) => wire.next(createMessage('form.saved', { field: id }, { id })),
};
declare global {
  interface Window {
    readonly pendingPage: typeof pendingPage;
  }
}
Object.assign(window, { pendingPage });
