import type { Server } from 'node:http';
import { Packr } from 'msgpackr';
import { finalize, of } from 'rxjs';
import { WebSocketServer } from 'ws';
import { createMessage, reply, type Message } from '../../../lib/index.js';
import { listen, type ListenOptions } from '../../../lib/server/index.js';
import { item, unlimited, type PublishOptions, type Served } from './served.js';

/** A wire that sends a message of its own for each that it receives. */
export function rxwireEcho(server: Server, options: ListenOptions): Served {
  let count = 0;
  listen(server, { ...unlimited, ...options }).subscribe((wire) => {
    count++;
    wire.subscribe({ next: ({ payload }) => wire.next(createMessage('bench.back', payload)), complete: () => count-- });
  });
  return { connections: () => count };
}

/** A wire that replies to each request with its payload. */
export function rxwireReply(server: Server, options: ListenOptions): Served {
  let count = 0;
  listen(server, { ...unlimited, ...options }).subscribe((wire) => {
    count++;
    wire
      .pipe(
        reply({ 'bench.ask': ({ payload }) => of(payload) }),
        finalize(() => count--),
      )
      .subscribe(wire);
  });
  return { connections: () => count };
}

/** A server of ws that sends one frame for each that it receives. */
function answeringFrames(server: Server, answer: (message: Message) => object): Served {
  const sockets = new WebSocketServer({ server, path: '/wire', perMessageDeflate: false, maxPayload: 1024 * 1024 });
  const packr = new Packr({ useRecords: false });
  sockets.on('connection', (socket) => {
    socket.on('message', (frame: Buffer) => socket.send(packr.pack(answer(packr.unpack(frame) as Message))));
  });
  return { connections: () => sockets.clients.size };
}

/** Sends a message of its own for each that it receives. */
export const wsEcho = (server: Server): Served => answeringFrames(server, ({ payload }) => createMessage('bench.back', payload));

/** Acknowledges each message by its id. */
export const wsAck = (server: Server): Served => answeringFrames(server, ({ id }) => ({ ack: id }));

/** Replies to each request with its payload. */
export const wsReply = (server: Server): Served => answeringFrames(server, ({ id, payload }) => ({ id, payload }));

/** A server of socket.io, without compression and without long polling. */
async function socketIo(server: Server) {
  // Loaded here, so that the other servers do not pay for the package.
  const { Server: SocketIoServer } = await import('socket.io');
  return new SocketIoServer(server, {
    transports: ['websocket'],
    serveClient: false,
    perMessageDeflate: false,
    httpCompression: false,
    maxHttpBufferSize: 1024 * 1024,
  });
}

/** Emits a message of its own for each that it receives. */
export async function socketIoEcho(server: Server): Promise<Served> {
  const io = await socketIo(server);
  io.on('connection', (socket) => {
    socket.on('message', ({ payload }: Message) => socket.emit('message', createMessage('bench.back', payload)));
  });
  return { connections: () => io.engine.clientsCount };
}

/** Calls the acknowledgement of each message, with its payload if the option `replies` says so. */
export async function socketIoAck(server: Server, { replies = false }: { readonly replies?: boolean }): Promise<Served> {
  const io = await socketIo(server);
  io.on('connection', (socket) => {
    socket.on('message', ({ payload }: Message, ack: (payload?: unknown) => void) => (replies ? ack(payload) : ack()));
  });
  return { connections: () => io.engine.clientsCount };
}

/** Emits to all: the packet is encoded once. */
export async function socketIoBroadcast(server: Server, { burst }: PublishOptions): Promise<Served> {
  const io = await socketIo(server);
  const publish = (): void => {
    for (let count = 0; count < burst; count++) io.emit('message', item());
  };
  return { connections: () => io.engine.clientsCount, publish };
}
