import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Packr } from 'msgpackr';
import { noop, retry, timer } from 'rxjs';
import { webSocket } from 'rxjs/webSocket';
import { WebSocket, WebSocketServer } from 'ws';
import { createMessage, type Message } from '../../../../lib/index.js';
import { item } from '../../servers/served.js';
import type { Peer, ServeOptions, Served } from '../peer.js';

export const itemOf = (size: number): (() => Message) => {
  const payload = 'x'.repeat(size);
  return () => createMessage('bench.item', payload);
};

/** A server for HTTP on a free port. */
export async function httpServer() {
  const server = createServer();
  server.listen(0, '127.0.0.1', 4_096);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** What is written before it is sent, and read when it is received. */
interface Format {
  readonly pack: (value: unknown) => Buffer | string;
  readonly unpack: (frame: Buffer) => unknown;
}

export const packed = (): Format => {
  const packr = new Packr({ useRecords: false });
  return { pack: (value) => packr.pack(value), unpack: (frame) => packr.unpack(frame) as unknown };
};

const asJson = (): Format => ({ pack: (value) => JSON.stringify(value), unpack: (frame) => JSON.parse(String(frame)) as unknown });

/** Acks each frame: by the id of its message, or by those of its batch. With `echo`, sends a message of its own; with `reply`, the payload. */
export async function serveFrames({ onNumber, variant }: ServeOptions, { pack, unpack }: Format): Promise<Served> {
  const { server, port } = await httpServer();
  const sockets = new WebSocketServer({ server, path: '/wire', perMessageDeflate: false, maxPayload: 1024 * 1024 });
  const answer = (message: Message): unknown => {
    if (variant['echo']) return createMessage('bench.back', message.payload);
    return variant['reply'] ? { ack: message.id, payload: message.payload } : { ack: message.id };
  };
  sockets.on('connection', (socket) => {
    socket.on('error', noop);
    socket.on('message', (frame: Buffer) => {
      const value = unpack(frame) as Message | readonly Message[];
      const messages = Array.isArray(value) ? (value as readonly Message[]) : [value as Message];
      if (onNumber) messages.forEach(({ payload }) => onNumber(Number(payload)));
      socket.send(pack(Array.isArray(value) ? { acks: messages.map(({ id }) => id) } : answer(messages[0]!)));
    });
  });
  const publish = (burst: number): void => {
    for (let count = 0; count < burst; count++) {
      const frame = pack(item());
      for (const socket of sockets.clients) socket.send(frame);
    }
  };
  return { url: `ws://127.0.0.1:${port}/wire`, publish };
}

async function openSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

/** Each message is a frame. Each ack names the message; the callback of each message is kept in a map. */
async function openEach(url: string) {
  const { pack, unpack } = packed();
  const socket = await openSocket(url);
  const unacked = new Map<string, () => void>();
  socket.on('message', (frame: Buffer) => {
    const { ack } = unpack(frame) as { readonly ack: string };
    const done = unacked.get(ack);
    unacked.delete(ack);
    done?.();
  });
  const send = (message: Message, done: () => void): void => {
    unacked.set(message.id, done);
    socket.send(pack(message));
  };
  return { socket, send };
}

/** What one writes by hand: a frame a message, and an ack for each. */
export const ws: Peer = {
  serve: (options) => serveFrames(options, packed()),
  async open(url, size, { echo = false, batch = 1 }) {
    const create = itemOf(size);
    if (Number(batch) > 1) return openBatches(url, create, Number(batch));
    const { socket, send } = await openEach(url);
    if (!echo) return (done) => send(create(), done);
    const { pack, unpack } = packed();
    socket.removeAllListeners('message');
    let onMessage = noop;
    socket.on('message', (frame: Buffer) => {
      unpack(frame);
      onMessage();
    });
    return (done) => {
      onMessage = done;
      socket.send(pack(create()));
    };
  },
  async connect(url) {
    const { socket, send } = await openEach(url);
    return {
      first: () => new Promise<void>((resolve) => send(createMessage('bench.first', null), resolve)),
      close: () => socket.terminate(),
    };
  },
  /** A member reads what it receives, as those of the other peers do. */
  async join(url, onMessage) {
    const { unpack } = packed();
    (await openSocket(url)).on('message', (frame: Buffer) => {
      unpack(frame);
      onMessage();
    });
  },
  /** One writes the next connection by hand: a second after the last one was lost. What is sent meanwhile waits in an array. */
  async stream(url) {
    const { pack } = packed();
    const waiting: Buffer[] = [];
    let socket: WebSocket | undefined;
    let onOpen = noop;
    const opened = new Promise<void>((resolve) => (onOpen = resolve));
    const open = (): void => {
      const next = new WebSocket(url, { perMessageDeflate: false });
      next.on('error', noop);
      next.on('open', () => {
        socket = next;
        waiting.splice(0).forEach((frame) => next.send(frame));
        onOpen();
      });
      next.on('close', () => {
        socket = undefined;
        setTimeout(open, 1_000);
      });
    };
    open();
    await opened;
    return (number) => {
      const frame = pack(createMessage('bench.item', number)) as Buffer;
      if (socket) socket.send(frame);
      else waiting.push(frame);
    };
  },
};

/** Up to so many messages share a frame, and an ack. A batch is sent when it is full, or at the end of the microtask. */
async function openBatches(url: string, create: () => Message, size: number) {
  const { pack, unpack } = packed();
  const socket = await openSocket(url);
  const unacked = new Map<string, () => void>();
  let batch: Message[] = [];
  const flush = (): void => {
    if (batch.length > 0) socket.send(pack(batch));
    batch = [];
  };
  socket.on('message', (frame: Buffer) => {
    for (const id of (unpack(frame) as { readonly acks: readonly string[] }).acks) {
      const done = unacked.get(id);
      unacked.delete(id);
      done?.();
    }
  });
  return (done: () => void): void => {
    const message = create();
    unacked.set(message.id, done);
    batch.push(message);
    if (batch.length === 1) queueMicrotask(flush);
    if (batch.length === size) flush();
  };
}

/** The client of RxJS, which has no acks: the server sends them as with plain ws, in JSON. */
export const rxjs: Peer = {
  serve: (options) => serveFrames(options, asJson()),
  async open(url, size) {
    const { subject, opened } = openSubject(url);
    const create = itemOf(size);
    const unacked = new Map<string, () => void>();
    subject.subscribe((value) => {
      const { ack } = value as { readonly ack: string };
      const done = unacked.get(ack);
      unacked.delete(ack);
      done?.();
    });
    await opened;
    return (done) => {
      const message = create();
      unacked.set(message.id, done);
      subject.next(message);
    };
  },
  async connect(url) {
    const { subject, opened } = openSubject(url);
    let onAck = noop;
    subject.subscribe(() => onAck());
    await opened;
    return {
      first: () =>
        new Promise<void>((resolve) => {
          onAck = resolve;
          subject.next(createMessage('bench.first', null));
        }),
      close: () => subject.complete(),
    };
  },
  /** The documentation composes `retry`. */
  async stream(url) {
    const { subject, opened } = openSubject(url);
    subject.pipe(retry({ delay: () => timer(1_000) })).subscribe();
    await opened;
    return (number) => subject.next(createMessage('bench.item', number));
  },
};

function openSubject(url: string) {
  let onOpen = noop;
  const opened = new Promise<void>((resolve) => (onOpen = resolve));
  const subject = webSocket<unknown>({
    url,
    WebSocketCtor: WebSocket as unknown as typeof globalThis.WebSocket,
    openObserver: { next: () => onOpen() },
  });
  return { subject, opened };
}
