import { Packr } from 'msgpackr';
import { noop } from 'rxjs';
import { WebSocketServer } from 'ws';
import { createMessage, type Message } from '../../../../lib/index.js';
import type { Peer } from '../peer.js';
import { httpServer, itemOf } from './ws.js';

/** The kinds of message in the hub protocol, as far as the stub knows them. */
const INVOCATION = 1;
const COMPLETION = 3;
const PING = 6;
const VOID_RESULT = 2;
/** The client expects to hear the server within 30 s. */
const PING_INTERVAL = 10_000;

const packr = new Packr({ useRecords: false });

/** Each message of MessagePack follows its length, which is a number of 7 bits a byte. */
function framed(message: unknown): Buffer {
  const body = packr.pack(message);
  const length: number[] = [];
  for (let rest = body.length; length.length === 0 || rest > 0; rest >>>= 7) length.push((rest & 127) | (rest > 127 ? 128 : 0));
  return Buffer.concat([Buffer.from(length), body]);
}

function* messagesOf(frame: Buffer): Generator<readonly unknown[]> {
  let at = 0;
  while (at < frame.length) {
    let length = 0;
    for (let shift = 0, byte = 128; byte > 127; shift += 7) length |= ((byte = frame[at++] ?? 0) & 127) << shift;
    yield packr.unpack(frame.subarray(at, at + length)) as readonly unknown[];
    at += length;
  }
}

async function builderOf(url: string) {
  const { HubConnectionBuilder, HttpTransportType, LogLevel } = await import('@microsoft/signalr');
  const { MessagePackHubProtocol } = await import('@microsoft/signalr-protocol-msgpack');
  return new HubConnectionBuilder()
    .withUrl(url, { skipNegotiation: true, transport: HttpTransportType.WebSockets })
    .withHubProtocol(new MessagePackHubProtocol())
    .configureLogging(LogLevel.None);
}

async function openHub(url: string) {
  const hub = (await builderOf(url)).build();
  await hub.start();
  return hub;
}

/** The real client, and a stub of the server, written from the public hub protocol: a handshake in JSON, then invocations and completions. */
export const signalR: Peer = {
  async serve({ onNumber }) {
    const { server, port } = await httpServer();
    const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 1024 * 1024 });
    sockets.on('connection', (socket) => {
      let isOpen = false;
      const alive = setInterval(() => socket.send(framed([PING])), PING_INTERVAL);
      socket.on('error', noop);
      socket.on('close', () => clearInterval(alive));
      socket.on('message', (frame: Buffer) => {
        if (!isOpen) {
          isOpen = true;
          socket.send('{}\x1e');
          return;
        }
        for (const [kind, , invocation, , args] of messagesOf(frame)) {
          if (kind !== INVOCATION) continue;
          onNumber?.(Number((args as readonly Message[])[0]?.payload));
          socket.send(framed([COMPLETION, {}, invocation, VOID_RESULT]));
        }
      });
    });
    return { url: `http://127.0.0.1:${port}/hub` };
  },
  async open(url, size) {
    const hub = await openHub(url);
    const create = itemOf(size);
    return (done) => void hub.invoke('send', create()).then(done);
  },
  async connect(url) {
    const hub = await openHub(url);
    return { first: () => hub.invoke('send', createMessage('bench.first', null)), close: () => hub.stop() };
  },
  async stream(url) {
    const hub = (await builderOf(url)).withAutomaticReconnect().build();
    await hub.start();
    // An invocation fails while the connection is lost, and is not repeated.
    return (number) => void hub.invoke('send', createMessage('bench.item', number)).catch(noop);
  },
};
