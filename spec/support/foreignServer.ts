import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { splitAck } from './foreignFrames.js';

// Written from docs/protocol.md alone, as one would in another language: it must import nothing of lib/.

interface Guest {
  epoch: number;
  n: number;
  sid: string;
  tokens: (string | undefined)[];
  isConfirmed: boolean;
  hasBegun: boolean;
  rx: number;
  /** Numbers that do not come, and are not accepted yet. */
  skipped: Set<number>;
  /** Messages of ours that are not acked, from `acked + 1` on. */
  unacked: object[];
  acked: number;
  /** The highest number sent over this connection, and the highest that may be. */
  tail: number;
  limit: number;
  socket: WebSocket;
  confirm: (() => void) | undefined;
}

interface Hello extends Readonly<Record<'epoch' | 'n' | 'window', number>> {
  readonly pid: string;
  readonly sid?: string;
  readonly rt?: string;
  readonly rx?: number;
}

interface Sent {
  readonly payload: unknown;
}

type Frame =
  | readonly ['hello', Hello]
  | readonly ['ack', done: number, credit: number]
  | readonly ['msg', first: number, count: number, body: Sent | Sent[]]
  | readonly ['skip', numbers: readonly number[]]
  | readonly ['ping', sent: number];

type GuestFrame = Exclude<Frame, readonly ['hello', Hello]>;

export interface ForeignServer {
  readonly url: string;
  /** Sends a message to the client that came last. */
  send(payload: unknown): void;
  /** Loses all connections. */
  cut(): void;
  close(): Promise<void>;
}

export interface ForeignServerOptions {
  /** Bytes of a frame: a larger one ends its connection with 1009. @default 100 MiB */
  readonly maxPayload?: number;
  /** Called with each batch before it is read. Returns the code with which to end the connection; 1006 cuts it. @default reads all */
  readonly refuse?: (first: number, text: string) => number | undefined;
  /** Whether it forgets its clients then. @default false */
  readonly forgets?: boolean;
}

/** A server of the session protocol, with a memory that ends with its process. It announces no limits. */
export async function foreignServer(
  onPayload: (payload: unknown) => void,
  { maxPayload = 100 * 1024 * 1024, refuse = () => undefined, forgets = false }: ForeignServerOptions = {},
): Promise<ForeignServer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload });
  const guests = new Map<string, Guest>();
  const secret = (): string => randomBytes(32).toString('base64url');
  const TERMS = { window: 64, bytes: 65_536, ping: 15_000, codec: 'json', id: 'foreign' };
  let latest: Guest | undefined;
  let ids = 0;

  const put = ({ socket }: Guest, ...frame: readonly unknown[]): void => socket.send(JSON.stringify(frame));
  const flush = (guest: Guest): void => {
    const { acked, unacked, limit, confirm, socket } = guest;
    if (confirm || socket.readyState !== socket.OPEN) return;
    while (guest.tail < Math.min(limit, acked + unacked.length)) put(guest, 'msg', ++guest.tail, 1, unacked[guest.tail - acked - 1]);
  };

  const refusal = (hello: Hello, known: Guest): number | undefined => {
    if (hello.epoch < known.epoch || (hello.epoch === known.epoch && hello.n <= known.n)) return 4409;
    return known.isConfirmed && !known.tokens.includes(hello.rt) ? 4403 : undefined;
  };
  const greet = (socket: WebSocket, hello: Hello): Guest | undefined => {
    const known = guests.get(hello.pid);
    const code = known && refusal(hello, known);
    if (code) {
      socket.close(code);
      return undefined;
    }
    const fresh = {
      sid: '',
      tokens: [],
      isConfirmed: false,
      hasBegun: false,
      rx: 0,
      skipped: new Set<number>(),
      unacked: [],
      acked: 0,
      tail: 0,
      limit: 0,
      confirm: undefined,
    };
    const guest: Guest = known ?? { ...fresh, epoch: 0, n: 0, socket };
    if (known) known.socket.close(4409);
    const isSame = hello.sid !== undefined && hello.sid === guest.sid;
    const hadBegun = guest.hasBegun;
    const resumed = isSame && hello.rx !== undefined;
    const goesOn = resumed && hadBegun;
    guest.isConfirmed ||= isSame;
    const rt = secret();
    Object.assign(guest, { epoch: hello.epoch, n: hello.n, socket, hasBegun: goesOn, tokens: [rt, hello.rt] });
    if (!resumed) guest.sid = secret();
    guests.set(hello.pid, (latest = guest));
    guest.confirm = () => {
      Object.assign(guest, { isConfirmed: true, tokens: [rt], confirm: undefined, hasBegun: true });
      // A new session begins with number 1; what was sent in the one before is in doubt, and given up.
      if (!goesOn) [guest.acked, guest.unacked] = [0, hadBegun ? [] : guest.unacked];
      put(guest, 'ack', guest.rx, TERMS.window);
      [guest.tail, guest.limit] = [goesOn ? hello.rx : 0, guest.acked + hello.window];
      flush(guest);
    };
    put(guest, 'welcome', { n: hello.n, sid: guest.sid, rt, rx: guest.rx, known: guest.isConfirmed, resumed, ...TERMS });
    return guest;
  };
  const skip = (guest: Guest): void => {
    while (guest.skipped.delete(guest.rx + 1)) guest.rx++;
  };
  const receive = (guest: Guest, frame: GuestFrame): void => {
    guest.confirm?.();
    if (frame[0] === 'ack') {
      const done = frame[1];
      guest.unacked.splice(0, Math.max(0, done - guest.acked));
      guest.acked = Math.max(guest.acked, done);
      guest.limit = guest.acked + frame[2];
      flush(guest);
      return;
    }
    if (frame[0] === 'skip') {
      for (const number of frame[1]) if (number > guest.rx) guest.skipped.add(number);
      skip(guest);
      put(guest, 'ack', guest.rx, TERMS.window);
      return;
    }
    if (frame[0] === 'msg' ? frame[1] > guest.rx + 1 : frame[1] > guest.rx) {
      guest.socket.close(4410);
      return;
    }
    if (frame[0] === 'msg') {
      for (const { payload } of [frame[3]].flat().slice(Math.max(0, guest.rx + 1 - frame[1]))) {
        guest.rx++;
        onPayload(payload);
        skip(guest);
      }
    }
    put(guest, 'ack', guest.rx, TERMS.window);
  };
  server.on('connection', (socket) => {
    let guest: Guest | undefined;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      const [frame, ...acks] = splitAck(String(data)) as Frame[];
      if (!frame) return;
      const code = frame[0] === 'msg' ? refuse(frame[1], String(data)) : undefined;
      if (code !== undefined) {
        if (code === 1006) socket.terminate();
        else socket.close(code);
        if (forgets) guests.clear();
        guest = undefined;
      } else if (frame[0] === 'hello') guest ??= greet(socket, frame[1]);
      else for (const one of [frame, ...acks] as GuestFrame[]) if (guest?.socket === socket) receive(guest, one);
    });
  });
  await once(server, 'listening');

  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    send(payload) {
      if (!latest) throw new Error('nobody has come');
      latest.unacked.push({ id: `s${++ids}`, type: 'foreign', timestamp: 0, version: '1.0', source: '', payload });
      flush(latest);
    },
    cut: () => server.clients.forEach((socket) => socket.terminate()),
    close: async () => {
      server.clients.forEach((socket) => socket.terminate());
      server.close();
      await once(server, 'close');
    },
  };
}
