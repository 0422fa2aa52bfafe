/**
 * The server of session.spec.ts, a process of its own: what it is sent has its effect in the LMDB folder in argv, at once with the cursor. Says its
 * port, and `lost` for each connection that it has lost.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { filter } from 'rxjs';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbStore, type LmdbTransaction } from '../../lib/adapters/node/index.js';
import { listen } from '../../lib/server/listen.js';
import { claim } from '../../lib/wire/session/messageClaim.js';
import type { Wire } from '../../lib/wire/wire.js';

const [path = '', port = '', pingInterval = '', origin = ''] = process.argv.slice(2);
const say = (word: unknown): boolean => process.stdout.write(`${String(word)}\n`);

const store = lmdbStore({ path });
const effects = store.table<string>('effects');
const count = store.table<number>('count');

/** Writes down the message as the next one. */
function effectOf({ id }: Message): (transaction: unknown) => void {
  return (transaction) => {
    const { get, put } = transaction as LmdbTransaction;
    const index = get(count, 0) ?? 0;
    put(effects, index, id);
    put(count, 0, index + 1);
  };
}

function welcome(wire: Wire): void {
  wire.subscribe((message) => {
    claim(message)!.end({ effect: effectOf(message) });
    if (message.type === 'test.ask') wire.next(createMessage('test.answer', message.id));
  });
  wire.state$.pipe(filter(({ status }) => status === 'reconnecting')).subscribe(() => say('lost'));
}

const server = createServer();
const stores = { inbox: store.inbox, outbox: store.outbox };
listen(server, { ...stores, origins: [origin], pingInterval: Number(pingInterval) }).subscribe(welcome);
server.listen(Number(port), '127.0.0.1');
await once(server, 'listening');
say((server.address() as AddressInfo).port);
