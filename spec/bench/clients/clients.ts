import { once } from 'node:events';
import { nanoid } from 'nanoid';
import { Packr } from 'msgpackr';
import { filter, noop } from 'rxjs';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { connect, createMessage, msgpack, request, webSocket, type Delivery, type Message, type Wire } from '../../../lib/index.js';

export interface ClientOptions {
  /** Characters of the payload of each message. */
  readonly size: number;
  /** @default the default of rxwire */
  readonly delivery?: Delivery;
}

/** Does over a connection once what is measured, and calls back when that is complete. */
export type Task = (done: () => void) => void;

/** Opens a connection to the server at the URL, and returns what is done over it. */
type OpenTask = (url: string, options: ClientOptions) => Promise<Task>;

const itemOf = (size: number): (() => Message) => {
  const payload = 'x'.repeat(size);
  return () => createMessage('bench.item', payload);
};

async function openWire(url: string, delivery: Delivery | undefined): Promise<Wire> {
  const wire = connect({ link: webSocket(url), codec: msgpack(), ...(delivery && { delivery }) });
  wire.errors$.subscribe((error) => {
    throw error;
  });
  await wire.send(createMessage('bench.first', null));
  return wire;
}

const rxwireRoundTrip: OpenTask = async (url, { size, delivery }) => {
  const wire = await openWire(url, delivery);
  const item = itemOf(size);
  let onMessage = noop;
  wire.subscribe(() => onMessage());
  return (done) => {
    onMessage = done;
    wire.next(item());
  };
};

const rxwireSend: OpenTask = async (url, { size, delivery }) => {
  const wire = await openWire(url, delivery);
  const item = itemOf(size);
  return (done) => void wire.send(item()).then(done);
};

/** Sends without waiting, and watches the receipts: for many messages in flight. */
const rxwireReceipts: OpenTask = async (url, { size, delivery }) => {
  const wire = await openWire(url, delivery);
  const item = itemOf(size);
  let onAck = noop;
  wire.receipts$.pipe(filter(({ status }) => status === 'acked')).subscribe(() => onAck());
  return (done) => {
    onAck = done;
    wire.next(item());
  };
};

const rxwireRequest: OpenTask = async (url, { size, delivery }) => {
  const wire = await openWire(url, delivery);
  const payload = 'x'.repeat(size);
  const error = (reason: unknown): void => {
    throw reason;
  };
  return (done) => request(wire, createMessage('bench.ask', payload)).subscribe({ complete: done, error });
};

interface Frames {
  send(value: unknown): void;
  /** Called with each value that the server sends. */
  onValue: (value: unknown) => void;
}

async function openSocket(url: string): Promise<Frames> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const packr = new Packr({ useRecords: false });
  const frames: Frames = { send: (value) => socket.send(packr.pack(value)), onValue: noop };
  socket.on('message', (frame: Buffer) => frames.onValue(packr.unpack(frame)));
  await once(socket, 'open');
  return frames;
}

const wsRoundTrip: OpenTask = async (url, { size }) => {
  const frames = await openSocket(url);
  const item = itemOf(size);
  return (done) => {
    frames.onValue = done;
    frames.send(item());
  };
};

const wsSend: OpenTask = async (url, { size }) => {
  const frames = await openSocket(url);
  const item = itemOf(size);
  const unacked = new Map<string, () => void>();
  frames.onValue = (value) => {
    const { ack } = value as { readonly ack: string };
    unacked.get(ack)?.();
    unacked.delete(ack);
  };
  const send = (message: Message): Promise<void> =>
    new Promise((resolve) => {
      unacked.set(message.id, resolve);
      frames.send(message);
    });
  return (done) => void send(item()).then(done);
};

const wsRequest: OpenTask = async (url, { size }) => {
  const frames = await openSocket(url);
  const payload = 'x'.repeat(size);
  const open = new Map<string, (value: unknown) => void>();
  frames.onValue = (value) => {
    const answer = value as { readonly id: string; readonly payload: unknown };
    open.get(answer.id)?.(answer.payload);
    open.delete(answer.id);
  };
  const ask = (): Promise<unknown> =>
    new Promise((resolve) => {
      const id = nanoid();
      open.set(id, resolve);
      frames.send({ type: 'bench.ask', id, payload });
    });
  return (done) => void ask().then(done);
};

export async function openSocketIo(url: string): Promise<Socket> {
  const socket = io(new URL(url).origin, { transports: ['websocket'], forceNew: true, reconnection: false });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

const socketIoRoundTrip: OpenTask = async (url, { size }) => {
  const socket = await openSocketIo(url);
  const item = itemOf(size);
  let onMessage = noop;
  socket.on('message', () => onMessage());
  return (done) => {
    onMessage = done;
    socket.emit('message', item());
  };
};

const socketIoSend: OpenTask = async (url, { size }) => {
  const socket = await openSocketIo(url);
  const item = itemOf(size);
  return (done) => void socket.emitWithAck('message', item()).then(done);
};

/** Passes a callback for the ack: for many messages in flight. */
const socketIoAcks: OpenTask = async (url, { size }) => {
  const socket = await openSocketIo(url);
  const item = itemOf(size);
  return (done) => socket.emit('message', item(), done);
};

/** As the plain socket of `wire`: the ack is unpacked and counted, and resolves nothing. */
const wsAcks = wsRoundTrip;

export const clients: Readonly<Record<string, OpenTask>> = {
  ...{ rxwireRoundTrip, rxwireSend, rxwireReceipts, rxwireRequest },
  ...{ wsRoundTrip, wsSend, wsAcks, wsRequest },
  ...{ socketIoRoundTrip, socketIoSend, socketIoAcks },
};
