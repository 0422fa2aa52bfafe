import { noop } from 'rxjs';
import { createMessage, type Message } from '../../../../lib/index.js';
import { item } from '../../servers/served.js';
import type { Peer } from '../peer.js';
import { httpServer, itemOf } from './ws.js';

/** As `path` of a connection would be in the address, it is a room there. */
const originOf = (url: string): string => new URL(url).origin;

async function openSocket(url: string) {
  const { io } = await import('socket.io-client');
  const socket = io(originOf(url), { transports: ['websocket'], forceNew: true, reconnection: false });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

/** Variants: `echo`, `reply` (the ack carries the payload), `retries` (the settings for at-least-once). */
export const socketIo: Peer = {
  async serve({ onNumber, variant: { echo = false, reply = false } }) {
    const { Server } = await import('socket.io');
    const { server, port } = await httpServer();
    const io = new Server(server, {
      transports: ['websocket'],
      serveClient: false,
      perMessageDeflate: false,
      httpCompression: false,
      maxHttpBufferSize: 1024 * 1024,
    });
    io.on('connection', (socket) => {
      socket.on('message', ({ payload }: Message, ack?: (payload?: unknown) => void) => {
        onNumber?.(Number(payload));
        if (echo) socket.emit('message', createMessage('bench.back', payload));
        else if (reply) ack?.(payload);
        else ack?.();
      });
    });
    const publish = (burst: number): void => {
      for (let count = 0; count < burst; count++) io.emit('message', item());
    };
    return { url: `ws://127.0.0.1:${port}`, publish };
  },
  async open(url, size, { echo = false }) {
    const socket = await openSocket(url);
    const create = itemOf(size);
    if (!echo) return (done) => socket.emit('message', create(), () => done());
    let onMessage = noop;
    socket.on('message', () => onMessage());
    return (done) => {
      onMessage = done;
      socket.emit('message', create());
    };
  },
  async connect(url) {
    const socket = await openSocket(url);
    return { first: () => socket.emitWithAck('message', createMessage('bench.first', null)), close: () => socket.disconnect() };
  },
  async join(url, onMessage) {
    (await openSocket(url)).on('message', onMessage);
  },
  async stream(url, { retries = false }) {
    const { io } = await import('socket.io-client');
    const socket = io(originOf(url), { transports: ['websocket'], forceNew: true, ...(retries && { retries: 3, ackTimeout: 10_000 }) });
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return (number) => void socket.emit('message', createMessage('bench.item', number));
  },
};
