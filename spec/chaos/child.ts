/** A client or a server as a process of its own: node child.mjs <setup as JSON>. It lives until it is killed, or nobody listens to it any more. */
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { defer, endWith, ignoreElements, ReplaySubject, takeUntil, tap } from 'rxjs';
import {
  connect,
  json,
  longPolling,
  memoryOutbox,
  msgpack,
  serverSentEvents,
  webSocket,
  type DescribedLink,
  type Frame,
  type Link,
  type Wire,
  type WireOptions,
} from '../../lib/index.js';
import { lmdbStore } from '../../lib/adapters/node/index.js';
import { listen } from '../../lib/server/index.js';
import { createChance } from '../simulation/chance.js';
import { handle, withoutFence } from './effects.js';
import { createJournal } from './journal.js';
import type { Setup, Told } from './processes.js';
import { createTraffic } from './traffic.js';

const setup = JSON.parse(process.argv[2] ?? '') as Setup;
const { folder, life, seed, codec } = setup;
const tell = (told: Told): void => void process.send?.(told);
const log = (text: string): void => appendFileSync(join(folder, 'log'), `${new Date().toISOString()} ${setup.role} ${life}: ${text}\n`);

const chance = createChance(seed);
const store = lmdbStore({ path: join(folder, 'store') });
const journal = createJournal(folder, life);
const traffic = createTraffic({ ...setup, chance, journal });
const calm$ = new ReplaySubject<void>(1);
const codecs = { json: json(), msgpack: msgpack() };

const fail = (error: unknown): void => tell({ kind: 'failed', reason: String(error) });
const use = (wire: Wire): void => {
  wire.errors$.subscribe(({ code, message }) => log(`${code} ${message}`));
  wire.state$.subscribe(({ status, protocol, metrics }) => log(`${status} ${protocol} ${metrics.bytesSent} ${metrics.bytesReceived}`));
  let isOver = false;
  const ended$ = wire.pipe(ignoreElements(), endWith(undefined));
  ended$.subscribe({ next: () => (isOver = true), error: () => undefined });
  traffic.run(wire, calm$, ended$);
  handle(wire, { ...setup, store, chance }).subscribe({ error: fail });
  const drained = (): void => {
    // Who hears it may kill at once.
    journal.flush();
    tell({ kind: 'drained' });
  };
  // A server whose client another server has cannot send.
  const failed = (error: unknown): void => (setup.isShared && isOver ? undefined : fail(error));
  calm$.pipe(takeUntil(ended$)).subscribe(() => void wire.send(traffic.last()).then(drained, failed));
};
const inbox = setup.sabotage === 'no fence' ? withoutFence(store.inbox) : store.inbox;
const { handshakeTimeout = 1_000, token } = setup;
const options: WireOptions = { inbox, handshakeTimeout };

async function serve(): Promise<void> {
  const server = createServer();
  listen(server, {
    ...options,
    pingInterval: setup.ping,
    outbox: (pid) => store.outbox(pid),
    codecs: Object.values(codecs),
    // The chaos cuts the connections of one address as fast as they come.
    connectionRate: false,
  }).subscribe(use);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  tell({ kind: 'up', port: (server.address() as AddressInfo).port });
}

/** Each connection by the next of them. */
function rotating(url: string, openTimeout: number): Link<Frame> & DescribedLink {
  const links = [webSocket, serverSentEvents, longPolling].map((link) => link(url, { openTimeout }));
  let count = 0;
  const link: Link<Frame> = (outgoing) => defer(() => (links[count++ % links.length] as Link<Frame>)(outgoing));
  return Object.defineProperty(link, 'protocol', { get: () => links[(count - 1) % links.length]?.protocol });
}

/** Tells how long the first answer over each connection takes. */
function timed(link: Link<Frame> & DescribedLink): Link<Frame> & DescribedLink {
  const measured: Link<Frame> = (outgoing) =>
    defer(() => {
      let sentAt: number | undefined;
      let isAnswered = false;
      const note = (): void => {
        if (!isAnswered && sentAt !== undefined) tell({ kind: 'welcomed', after: performance.now() - sentAt });
        isAnswered = true;
      };
      return link(outgoing.pipe(tap(() => (sentAt ??= performance.now())))).pipe(tap(note));
    });
  return Object.defineProperty(measured, 'protocol', { get: () => link.protocol });
}

function dial(): void {
  const { reconnect, openTimeout } = setup;
  const url = `ws://127.0.0.1:${setup.port}/wire`;
  const dialled = setup.isRotating ? rotating(url, openTimeout) : webSocket(url, { openTimeout });
  const link = token === undefined ? dialled : timed(dialled);
  const outbox = setup.sabotage === 'forgetful sender' ? memoryOutbox() : store.outbox('client');
  const wire = connect({ ...options, link, codec: codecs[codec], reconnect, outbox, ...(token !== undefined && { token: () => token }) });
  if (setup.isRotating) {
    wire.state$.subscribe(({ status, protocol }) => tell({ kind: 'state', status, protocol }));
  }
  use(wire);
  tell({ kind: 'up', port: 0 });
}

process.on('disconnect', () => process.exit());
process.on('message', () => calm$.next());
if (setup.role === 'server') await serve();
else dial();
