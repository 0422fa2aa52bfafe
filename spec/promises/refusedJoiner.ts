/** A process that joins a channel without permission, and has no error callback, for refusedJoinIsNoCrash.spec.ts. Prints what becomes of it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { map, of } from 'rxjs';
import { channel, connect, createMessage, hub, liveState, ofType, webSocket } from '../../lib/index.js';
import { listen } from '../../lib/server/index.js';

const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const rooms = hub({ authorize: ({ channel: name }) => name !== 'secret' });
const serving = listen(server).subscribe(rooms.serve);
const wire = connect({ link: webSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`) });

const said: string[] = [];
if (process.argv[2] === 'errors$') wire.errors$.subscribe(({ code }) => said.push(code));
const ignore = (): void => undefined;
const room = channel(wire, 'secret');
room.subscribe(ignore);
room
  .pipe(ofType('note'))
  .pipe(map(({ id }) => id))
  .subscribe(ignore);
room.presence$.subscribe({ next: ignore });
room.presence$.pipe(map(({ members }) => members.length)).subscribe();
liveState(wire, 'secret', { load: () => of({ state: 0, position: 'start' }), reduce: (state) => state }).subscribe(ignore);
room.pipe(map(({ id }) => id)).subscribe({ error: ({ code }: { code: string }) => said.push(`callback ${code}`) });

await new Promise((resolve) => setTimeout(resolve, 200));
const open = channel(wire, 'open');
const heard = new Promise((resolve) => open.subscribe(({ payload }) => resolve(payload)));
await open.send(createMessage('note', 'alive'));
said.push(String(await heard));
wire.complete();
wire.subscribe({
  complete() {
    serving.unsubscribe();
    server.close();
    process.stdout.write(JSON.stringify(said));
  },
});
