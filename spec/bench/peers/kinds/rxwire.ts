import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filter, firstValueFrom, noop, of, Subject, type MonoTypeOperatorFunction } from 'rxjs';
import {
  channel,
  connect,
  createMessage,
  gzipped,
  json,
  keyring,
  meter,
  msgpack,
  reply,
  request,
  sealed,
  webSocket,
  type Codec,
  type Delivery,
  type Message,
  type Wire,
} from '../../../../lib/index.js';
import { createMetrics } from '../../../../lib/adapters/metrics/index.js';
import { hub, listen, type ListenOptions } from '../../../../lib/server/index.js';
import type { Task } from '../../clients/clients.js';
import { item, unlimited } from '../../servers/served.js';
import type { Peer, ServeOptions, Served, Variant } from '../peer.js';
import { httpServer, itemOf } from './ws.js';

/** A message of the server that answers so many of at-most-once, which have no acks. */
const CREDIT = 'bench.credit';
/** In ms. */
const CREDIT_INTERVAL = 5;
const ROOM = 'room';

/** Both ends have the same key, as they would from a secret that they share. */
const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(7) } });

function codecOf({ gzip = false, seal = false, json: isJson = false }: Variant): Codec {
  if (isJson) return json();
  const plain = gzip ? gzipped(msgpack()) : msgpack();
  return seal ? sealed(plain, keys) : plain;
}

const deliveryOf = ({ delivery }: Variant): { readonly delivery?: Delivery } =>
  delivery === undefined ? {} : { delivery: delivery as Delivery };

/** A folder that is gone with this process. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'rxwire-bench-'));
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

const metered = (isMetered: boolean, direction: 'sent' | 'received'): MonoTypeOperatorFunction<Message> =>
  isMetered ? meter(createMetrics(), { direction }) : (source) => source;

async function listenOptionsOf(variant: Variant): Promise<ListenOptions> {
  const { inbox = false, pingInterval = 0, idle: isIdle = false } = variant;
  const options: ListenOptions = {
    ...unlimited,
    codecs: [codecOf(variant)],
    ...(pingInterval && { pingInterval: Number(pingInterval) }),
    ...(isIdle && { detachedTimeout: 1 }),
  };
  if (!inbox) return options;
  const { lmdbStore } = await import('../../../../lib/adapters/node/index.js');
  return { ...options, inbox: lmdbStore({ path: temporaryFolder() }).inbox };
}

/** What the application of the server does with a wire. */
function handle(wire: Wire, { onNumber, variant }: ServeOptions): void {
  const { echo = false, reply: isReplying = false, credit = 0 } = variant;
  if (isReplying) {
    wire.pipe(reply({ 'bench.ask': ({ payload }) => of(payload) })).subscribe(wire);
    return;
  }
  const credited = credit ? creditsOf(wire, Number(credit)) : undefined;
  wire.pipe(metered(variant['meter'] === true, 'received')).subscribe(({ type, payload }) => {
    onNumber?.(Number(payload));
    if (echo) wire.next(createMessage('bench.back', payload));
    else if (type !== 'bench.first') credited?.();
  });
}

/** Counts messages, and tells the client how many have been received: each time that it is `credit`, and when no more arrive. */
function creditsOf(wire: Wire, credit: number): () => void {
  let [count, before] = [0, 0];
  const tell = (): void => {
    wire.next(createMessage(CREDIT, count));
    count = 0;
  };
  setInterval(() => {
    if (count > 0 && count === before) tell();
    before = count;
  }, CREDIT_INTERVAL);
  return () => {
    if (++count === credit) tell();
  };
}

async function serve(options: ServeOptions): Promise<Served> {
  const { server, port } = await httpServer();
  const url = `ws://127.0.0.1:${port}/wire`;
  const listenOptions = await listenOptionsOf(options.variant);
  if (options.variant['channel']) return { url, publish: serveChannels(server, listenOptions, options) };
  listen(server, listenOptions).subscribe((wire) => handle(wire, options));
  return { url };
}

/** With the variant `channels`, publishes to one of so many channels each time; else to one. */
function serveChannels(server: Server, listenOptions: ListenOptions, { variant }: ServeOptions): (burst: number) => void {
  const { serve: serveClient, channel: open } = hub();
  const count = Number(variant['channels'] ?? 1);
  const rooms = Array.from({ length: count }, (_, index) => open(count === 1 ? ROOM : `${ROOM}.${index}`));
  rooms[0]?.pipe(metered(variant['meter'] === true, 'received')).subscribe(noop);
  listen(server, listenOptions).subscribe((wire) => {
    serveClient(wire);
    wire.subscribe(noop);
  });
  let next = 0;
  return (burst) => {
    for (let sent = 0; sent < burst; sent++) rooms[next++ % count]?.next(item());
  };
}

async function openWire(url: string, variant: Variant): Promise<Wire> {
  const { outbox = false } = variant;
  const stored = outbox ? { outbox: (await import('../../../../lib/adapters/node/index.js')).lmdbOutbox({ path: temporaryFolder() }) } : {};
  const wire = connect({ link: webSocket(url), codec: codecOf(variant), ...deliveryOf(variant), ...stored });
  wire.errors$.subscribe((error) => {
    throw error;
  });
  await wire.send(createMessage('bench.first', null));
  return wire;
}

/** Sends over the wire, or publishes; with `meter`, through the operator. */
function senderOf(wire: Wire, variant: Variant): (message: Message) => void {
  const target = variant['channel'] ? channel(wire, ROOM) : wire;
  if (!variant['meter']) return (message) => target.next(message);
  const outgoing$ = new Subject<Message>();
  outgoing$.pipe(metered(true, 'sent')).subscribe((message) => target.next(message));
  return (message) => outgoing$.next(message);
}

/** Where many messages are open: sends without waiting, and counts the receipts; or the messages of the server, where there are no acks. */
function countingTask(wire: Wire, size: number, variant: Variant): Task {
  const { echo = false, credit = 0 } = variant;
  const create = itemOf(size);
  const send = senderOf(wire, variant);
  let onAck = noop;
  if (credit) {
    wire.subscribe(({ payload }) => {
      for (let count = 0; count < Number(payload); count++) onAck();
    });
  }
  if (echo) wire.subscribe(() => onAck());
  if (!credit && !echo) wire.receipts$.pipe(filter(({ status }) => status === 'acked')).subscribe(() => onAck());
  return (done) => {
    onAck = done;
    send(create());
  };
}

function requestTask(wire: Wire, size: number): Task {
  const payload = 'x'.repeat(size);
  const error = (reason: unknown): void => {
    throw reason;
  };
  return (done) => request(wire, createMessage('bench.ask', payload)).subscribe({ complete: done, error });
}

async function joinRoom(wire: Wire, name: string, onMessage: () => void): Promise<void> {
  const room = channel(wire, name);
  room.subscribe(onMessage);
  await firstValueFrom(room.state$.pipe(filter(({ status }) => status === 'joined')));
}

/**
 * Variants: `delivery`; `echo` (the server sends a message back), `credit` (it sends one back for so many), `reply` (it answers a request), `send` (each
 * message waits for its promise); `outbox`, `inbox` (LMDB), `seal`, `gzip`, `meter`, `channel`; `pingInterval`; `json` (the default codec);
 * `idle` (a session ends with its connection).
 */
export const rxwire: Peer = {
  serve,
  async open(url, size, variant) {
    const wire = await openWire(url, variant);
    if (variant['reply']) return requestTask(wire, size);
    if (!variant['send']) return countingTask(wire, size, variant);
    const create = itemOf(size);
    return (done) => void wire.send(create()).then(done);
  },
  async connect(url, variant) {
    const wire = connect({ link: webSocket(url), codec: codecOf(variant), ...deliveryOf(variant) });
    await firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'connected')));
    return { first: () => wire.send(createMessage('bench.first', null)), close: () => wire.unsubscribe() };
  },
  /** With `each`, one wire joins so many channels of its own; `onMessage` is called with the messages of all. */
  async join(url, onMessage, { each = 1, first = 0 }) {
    const wire = connect({ link: webSocket(url), codec: msgpack() });
    if (each === 1) return joinRoom(wire, ROOM, onMessage);
    await Promise.all(Array.from({ length: Number(each) }, (_, index) => joinRoom(wire, `${ROOM}.${Number(first) + index}`, onMessage)));
  },
  async stream(url, variant) {
    const wire = connect({ link: webSocket(url), codec: msgpack(), ...deliveryOf(variant) });
    wire.subscribe(noop);
    await firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'connected')));
    return (number) => wire.next(createMessage('bench.item', number));
  },
};
