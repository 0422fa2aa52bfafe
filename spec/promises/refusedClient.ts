/** A process whose server refuses its token, for wireEndIsNoCrash.spec.ts. It subscribes without error callbacks to all that is derived from the wire. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { channel, connect, createMessage, messageState, request, subscriptionsOf, webSocket } from '../../lib/index.js';
import { listen } from '../../lib/server/index.js';

const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const serving = listen(server, { authenticate: () => undefined }).subscribe();

const said: string[] = [];
const note = (name: string) => ({ complete: () => said.push(`${name} completed`) });
const wire = connect({ link: webSocket(`ws://127.0.0.1:${port}/wire`), token: 'expired' });
const room = channel(wire, 'room.1');
room.subscribe(note('channel'));
room.presence$.subscribe(note('presence$'));
room.gaps$.subscribe(note('gaps$'));
room.errors$.subscribe(note('channel.errors$'));
let last = '';
room.state$.subscribe({
  next: ({ status, error }) => (last = `${status} ${String(error?.code)}`),
  complete: () => said.push(`state$ ${last}`),
});
wire.state$.subscribe(note('wire.state$'));
subscriptionsOf(wire).subscribe(note('subscriptions$'));
wire.receipts$.subscribe(note('receipts$'));
wire.failures$.subscribe(note('failures$'));
messageState(wire, 'm1').subscribe(note('messageState'));
// Promises whose result the program ignores.
void wire.send(createMessage('note', 1));

const errors: string[] = [];
wire.errors$.subscribe(({ code }) => errors.push(code));
const ended = once(process, 'beforeExit');
request(wire, createMessage('status.get', null)).subscribe({ error: ({ code }: { code: string }) => said.push(`request failed: ${code}`) });
await new Promise<void>((resolve) => wire.errors$.subscribe({ complete: resolve }));
serving.unsubscribe();
server.close();
await ended;
// A later subscription to a wire that has ended completes, too.
channel(wire, 'room.2').subscribe(note('later channel'));
process.stdout.write(JSON.stringify({ said: said.sort(), errors }));
