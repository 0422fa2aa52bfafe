import { noop } from 'rxjs';
import type { ReactiveSocket, RSocketPayload } from 'rsocket-core';
import { WebSocket } from 'ws';
import { createMessage, type Message } from '../../../../lib/index.js';
import type { Peer } from '../peer.js';
import { httpServer, itemOf, packed } from './ws.js';

const { pack, unpack } = packed();
const ACK: RSocketPayload = { data: Buffer.from([1]) };
const SETUP = {
  dataMimeType: 'application/octet-stream',
  metadataMimeType: 'application/octet-stream',
  keepAlive: 60_000,
  lifetime: 180_000,
};

async function openRSocket(url: string): Promise<{ readonly socket: ReactiveSocket; readonly transport: WebSocket }> {
  const { RSocketClient, BufferEncoders } = await import('rsocket-core');
  const { default: client } = await import('rsocket-websocket-client');
  const transport = new WebSocket(url, { perMessageDeflate: false });
  const setup = new RSocketClient({ setup: SETUP, transport: new client.default({ url, wsCreator: () => transport }, BufferEncoders) });
  const socket = await new Promise<ReactiveSocket>((resolve, reject) =>
    setup.connect().subscribe({ onComplete: resolve, onError: reject }),
  );
  return { socket, transport };
}

const ask = (socket: ReactiveSocket, message: Message, done: () => void, onError: (error: Error) => void): void =>
  socket.requestResponse({ data: pack(message) as Buffer }).subscribe({ onComplete: done, onError });

const rethrow = (error: Error): void => {
  throw error;
};

/** rsocket-js over WebSocket; the response to a request is its ack. */
export const rsocket: Peer = {
  async serve({ onNumber }) {
    const { RSocketServer, BufferEncoders } = await import('rsocket-core');
    const { Single } = await import('rsocket-flowable');
    const { default: transport } = await import('rsocket-websocket-server');
    const { server, port } = await httpServer();
    const requestResponse = ({ data }: RSocketPayload) => {
      const { payload } = unpack(data) as Message;
      onNumber?.(Number(payload));
      return Single.of(ACK);
    };
    new RSocketServer({
      transport: new transport.default({ server }, BufferEncoders),
      getRequestHandler: () => ({ requestResponse }),
    }).start();
    return { url: `ws://127.0.0.1:${port}/` };
  },
  async open(url, size) {
    const { socket } = await openRSocket(url);
    const create = itemOf(size);
    return (done) => ask(socket, create(), done, rethrow);
  },
  async connect(url) {
    const { socket, transport } = await openRSocket(url);
    return {
      first: () => new Promise<void>((resolve, reject) => ask(socket, createMessage('bench.first', null), resolve, reject)),
      close: () => transport.terminate(),
    };
  },
  /** This version has no reconnection of its own: another connection follows a second after the last one was lost, and failed requests are lost. */
  async stream(url) {
    let current: ReactiveSocket | undefined;
    const open = async (): Promise<void> => {
      const again = (): void => {
        current = undefined;
        setTimeout(() => void open(), 1_000);
      };
      try {
        const { socket, transport } = await openRSocket(url);
        current = socket;
        transport.on('close', again);
      } catch {
        again();
      }
    };
    await open();
    return (number) => {
      if (current) ask(current, createMessage('bench.item', number), noop, noop);
    };
  },
};
