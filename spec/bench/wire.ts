import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rmSync } from 'node:fs';
import { Packr } from 'msgpackr';
import { filter, take } from 'rxjs';
import { WebSocket, WebSocketServer } from 'ws';
import { connect, createMessage, envelopeProtocol, json, msgpack, webSocket, type ConnectOptions, type Message } from '../../lib/index.js';
import { lmdbOutbox } from '../../lib/adapters/node/index.js';
import { listen } from '../../lib/server/index.js';
import { median, perSecond, spread, type Result, type Suite } from './bench.js';
import { flushPerMessage, makeFolder } from './lmdb.js';
import { roundsOf, startSide, stopSides, type Side } from './sides.js';
import { compareWays, type Way } from './ways.js';

/** Messages that are on their way, unacked, at any time. */
const IN_FLIGHT = 256;
const MESSAGES = 40_000;

/** The same messages for both sides: who wants acks needs an id, and who sends more than one kind of message a type. */
const itemOf = (size: number): (() => Message) => {
  const payload = 'x'.repeat(size);
  return () => createMessage('bench.item', payload);
};

/** What one would write without rxwire: a frame a message, and for each an ack that names it. */
async function plainSocket(size: number): Promise<Way> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
  const [near, far] = [new Packr({ useRecords: false }), new Packr({ useRecords: false })];
  server.on('connection', (socket) =>
    socket.on('message', (frame: Buffer) => {
      const { id } = far.unpack(frame) as Message;
      socket.send(far.pack({ ack: id }));
    }),
  );
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { perMessageDeflate: false });
  await once(socket, 'open');
  const item = itemOf(size);
  let onAck = (): void => undefined;
  socket.on('message', (frame: Buffer) => {
    near.unpack(frame);
    onAck();
  });
  return {
    messages: MESSAGES,
    run: () =>
      keepInFlight(
        (acked) => (onAck = acked),
        () => socket.send(near.pack(item())),
      ),
    end: () => {
      socket.terminate();
      server.close();
    },
  };
}

/** A wire as an application would have it. */
export async function wireWay(item: () => Message, options: Omit<ConnectOptions, 'link'>, messages = MESSAGES): Promise<Way> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served = listen(server, options.codec ? { codecs: [options.codec].flat() } : {}).subscribe((wire) => wire.subscribe());
  const wire = connect({ link: webSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`), ...options });
  wire.errors$.subscribe((error) => {
    throw error;
  });
  await wire.send(createMessage('bench.first', null));
  const acked$ = wire.receipts$.pipe(
    filter(({ status }) => status === 'acked'),
    take(messages),
  );
  return {
    messages,
    run: () =>
      keepInFlight(
        (acked) => acked$.subscribe(acked),
        () => wire.next(item()),
        messages,
      ),
    end: () => {
      wire.unsubscribe();
      served.unsubscribe();
      server.close();
    },
  };
}

/** Sends so many that there are always as many on their way; resolves when all are acked. */
function keepInFlight(onAck: (acked: () => void) => void, send: () => void, messages = MESSAGES): Promise<void> {
  return new Promise((resolve) => {
    let sent = 0;
    let acked = 0;
    const next = (): void => {
      if (sent++ < messages) send();
    };
    onAck(() => {
      if (++acked === messages) resolve();
      else next();
    });
    for (let count = 0; count < IN_FLIGHT; count++) next();
  });
}

const compared = async (size: number, title: string, options: Omit<ConnectOptions, 'link'>, goal?: number) =>
  compareWays({
    name: `one process, ${title}, ${size} B`,
    baseline: 'ws + msgpackr',
    ours: await wireWay(itemOf(size), options),
    theirs: await plainSocket(size),
    goal,
  });

async function durable() {
  const path = makeFolder();
  const ours = await wireWay(itemOf(100), { codec: msgpack(), delivery: 'exactly-once', outbox: lmdbOutbox({ path }) }, 10_000);
  const end = (): void => {
    ours.end();
    rmSync(path, { recursive: true });
  };
  return compareWays({
    name: 'one process, exactly-once with lmdbOutbox, 100 B',
    baseline: 'one flush a message',
    ours: { ...ours, end },
    theirs: flushPerMessage(),
    goal: 15,
  });
}

/** Rounds of the comparisons in processes of their own. */
const ROUNDS = 7;
/** How long one side is measured before the next, in ms. */
const TURN = 1_000;

/** How long each side works before the first round, in ms: what runs once a batch, V8 optimizes after more than a million messages. */
const WARM_UP = 6_000;

/** Acked messages a second. */
async function rateOf({ client }: Side): Promise<number> {
  const { count, ms } = await client.run({ ms: TURN, open: IN_FLIGHT });
  return (1_000 * count) / ms;
}

/** Server and client each have a process of their own, as they have outside of benchmarks: in one process ws cannot use the second core. */
async function apart(size: number, goal: number): Promise<readonly Result[]> {
  const delivery = 'exactly-once';
  const sides = {
    rxwire: await startSide({ server: 'rxwire', client: 'rxwireReceipts', clientOptions: { size, delivery } }),
    ws: await startSide({ server: 'wsAck', client: 'wsAcks', clientOptions: { size } }),
    socketIo: await startSide({ server: 'socketIoAck', client: 'socketIoAcks', clientOptions: { size } }),
  };
  for (const { client } of Object.values(sides)) await client.run({ ms: WARM_UP, open: IN_FLIGHT });
  const rounds = await roundsOf(sides, ROUNDS, rateOf);
  await stopSides(sides);
  const row = (side: 'rxwire' | 'socketIo', title: string) => ({
    name: `two processes, ${title}, ${size} B`,
    baseline: 'ws + msgpackr',
    ours: perSecond(median(rounds.map((round) => round[side]))),
    theirs: perSecond(median(rounds.map(({ ws }) => ws))),
    ...spread(rounds.map((round) => round[side] / round.ws)),
  });
  return [{ ...row('rxwire', delivery), goal }, row('socketIo', 'socket.io with acks')];
}

export const suite: Suite = [
  () => apart(100, 4.5),
  () => apart(1_024, 3.2),
  () => compared(100, 'exactly-once', { codec: msgpack(), delivery: 'exactly-once' }, 4),
  () => compared(1_024, 'exactly-once', { codec: msgpack(), delivery: 'exactly-once' }, 2),
  () => compared(100, 'exactly-once, JSON', { codec: json(), delivery: 'exactly-once' }),
  () => compared(100, 'envelopes', { codec: msgpack(), protocol: envelopeProtocol }),
  durable,
];
