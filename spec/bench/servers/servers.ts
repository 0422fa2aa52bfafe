import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Packr } from 'msgpackr';
import { filter, interval, noop } from 'rxjs';
import { WebSocketServer, type WebSocket } from 'ws';
import { createMessage, ofType, type Wire } from '../../../lib/index.js';
import { hub, listen, type ListenOptions } from '../../../lib/server/index.js';
import { rxwireEcho, rxwireReply, socketIoAck, socketIoBroadcast, socketIoEcho, wsAck, wsEcho, wsReply } from './answering.js';
import { item, unlimited, type PublishOptions, type Served } from './served.js';

/** Wires as an application has them: it listens to each. */
function rxwire(server: Server, options: ListenOptions): Served {
  let count = 0;
  listen(server, { ...unlimited, ...options }).subscribe((wire) => {
    count++;
    wire.subscribe({ next: noop, complete: () => count-- });
  });
  return { connections: () => count };
}

/** Wires whose messages are stored, in a folder of their own. */
async function rxwireLmdb(server: Server, options: ListenOptions): Promise<Served> {
  // Loaded here, so that the other servers do not pay for the package.
  const { lmdbStore } = await import('../../../lib/adapters/node/index.js');
  const path = mkdtempSync(join(tmpdir(), 'rxwire-bench-'));
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  const store = lmdbStore({ path });
  return rxwire(server, { ...options, inbox: store.inbox, outbox: (pid) => store.outbox(pid) });
}

/** What one would write without rxwire. */
function ws(server: Server): Served & { readonly clients: ReadonlySet<WebSocket> } {
  const sockets = new WebSocketServer({ server, path: '/wire', perMessageDeflate: false, maxPayload: 1024 * 1024 });
  sockets.on('connection', (socket) => {
    socket.on('message', noop);
    socket.on('error', noop);
  });
  return { clients: sockets.clients, connections: () => sockets.clients.size };
}

const PARTS = 50;

/** Answers what it is asked, and tells all the same, once a second. At first it tells as much as may wait for one that does not read. */
function busy(server: Server, { maxQueued = 64, ...options }: ListenOptions): Served {
  const wires = new Set<Wire>();
  let dropped = 0;
  const text = 'x'.repeat(512);
  const tell = (wire: Wire): void => wire.next(createMessage('bench.told', text));
  listen(server, { ...unlimited, ...options, maxQueued }).subscribe((wire) => {
    wires.add(wire);
    wire.errors$.pipe(filter(({ code }) => code === 'ERR_DROPPED')).subscribe(() => dropped++);
    for (let count = 0; count < 2 * maxQueued; count++) tell(wire);
    wire.pipe(ofType('bench.asked')).subscribe({
      next: ({ payload }) => wire.next(createMessage('bench.answered', payload)),
      complete: () => wires.delete(wire),
    });
  });
  // Not to all at once: what is measured would wait for that.
  interval(1_000 / PARTS).subscribe((tick) => {
    let index = 0;
    for (const wire of wires) if (index++ % PARTS === tick % PARTS) tell(wire);
  });
  return { connections: () => wires.size, dropped: () => dropped };
}

/** A channel that all are in. */
function channels(server: Server, { burst, ...options }: ListenOptions & PublishOptions): Served {
  let count = 0;
  const { serve, channel } = hub();
  const room = channel('room');
  listen(server, { ...unlimited, ...options }).subscribe((wire) => {
    count++;
    serve(wire);
    wire.subscribe({ complete: () => count-- });
  });
  return { connections: () => count, publish: () => Array.from({ length: burst }, item).forEach((message) => room.next(message)) };
}

/** What one would write without rxwire: each message is encoded once, and sent to each socket. */
function broadcast(server: Server, { burst }: PublishOptions): Served {
  const { clients, ...served } = ws(server);
  const packr = new Packr({ useRecords: false });
  const publish = (): void => {
    for (let count = 0; count < burst; count++) {
      const frame = packr.pack(item());
      for (const socket of clients) socket.send(frame);
    }
  };
  return { ...served, publish };
}

export const servers: Readonly<Record<string, (server: Server, options: object) => Served | Promise<Served>>> = {
  ...{ rxwire, rxwireLmdb, ws, busy },
  ...{ rxwireEcho, rxwireReply, wsEcho, wsAck, wsReply, socketIoEcho, socketIoAck },
  channels: (server, options) => channels(server, options as PublishOptions),
  broadcast: (server, options) => broadcast(server, options as PublishOptions),
  socketIoBroadcast: (server, options) => socketIoBroadcast(server, options as PublishOptions),
};
