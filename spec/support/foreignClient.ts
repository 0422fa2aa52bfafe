import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import { splitAck } from './foreignFrames.js';

// Written from docs/protocol.md alone, as one would in another language: it must import nothing of lib/.

interface Batch {
  first: number;
  readonly bodies: readonly object[];
}

interface Welcome extends Readonly<Record<'n' | 'rx' | 'window', number>>, Readonly<Record<'sid' | 'rt' | 'codec', string>> {
  readonly known: boolean;
  readonly resumed: boolean;
}

interface Sent {
  readonly payload: unknown;
}

type Frame =
  | readonly ['welcome', Welcome]
  | readonly ['ack', done: number, credit: number]
  | readonly ['msg', first: number, count: number, body: Sent | Sent[]]
  | readonly ['ping', sent: number];

export interface ForeignClient {
  /** Sends a message, at exactly-once. */
  send(payload: unknown): void;
  /** Loses the connection; another is opened at once. */
  cut(): void;
  /** Says goodbye. */
  close(): void;
  /** How many messages are not acked. */
  readonly unacked: () => number;
}

/** A client of the session protocol. It never gives up, and keeps nothing when its process ends. */
export function foreignClient(url: string, onPayload: (payload: unknown) => void): ForeignClient {
  const pid = randomBytes(16).toString('base64url');
  const WINDOW = 64;
  let n = 0;
  let ticket: { readonly sid: string; readonly rt: string } | undefined;
  let rx = 0;
  let batches: Batch[] = [];
  let last = 0;
  let sent = 0;
  let acked = 0;
  let limit = 0;
  let tail = 0;
  let isOpen = false;
  let mustWaitFor = 0;
  let ids = 0;
  let socket: WebSocket;

  const put = (...frame: readonly unknown[]): void => socket.send(JSON.stringify(frame));
  const lastOf = ({ first, bodies }: Batch): number => first + bodies.length - 1;

  const flush = (): void => {
    for (const batch of batches) {
      const isFlying = tail > acked;
      if (lastOf(batch) <= tail) continue;
      if (!isOpen || acked < mustWaitFor || (isFlying && lastOf(batch) > limit)) return;
      put('msg', batch.first, batch.bodies.length, batch.bodies.length === 1 ? batch.bodies[0] : batch.bodies);
      tail = lastOf(batch);
      sent = Math.max(sent, tail);
    }
  };
  const welcome = ({ sid, rt, rx: theirs, known, resumed, window, ...answer }: Welcome): void => {
    if (answer.n !== n || answer.codec !== 'json') throw new Error('not our welcome');
    if (!resumed) rx = 0;
    const goesOn = (known || sent === 0) && acked <= theirs && theirs <= sent;
    if (!goesOn) {
      // All of it is at exactly-once: what may have been sent is in doubt.
      batches = batches.filter(({ first }) => first > sent);
      [last, sent, acked, mustWaitFor] = [theirs, theirs, theirs, theirs];
      for (const batch of batches) {
        batch.first = last + 1;
        last = lastOf(batch);
      }
    }
    ticket = { sid, rt };
    [isOpen, tail, limit] = [true, theirs, acked + window];
    put('ack', rx, WINDOW);
    flush();
  };
  const receive = (frame: Frame): void => {
    if (frame[0] === 'welcome') {
      welcome(frame[1]);
      return;
    }
    if (frame[0] === 'ack') {
      if (frame[1] > sent) throw new Error('an ack covers unsent messages');
      acked = Math.max(acked, frame[1]);
      limit = acked + frame[2];
      batches = batches.filter((batch) => lastOf(batch) > acked);
      flush();
      return;
    }
    if (frame[0] === 'msg') {
      if (frame[1] > rx + 1) throw new Error('a gap');
      for (const { payload } of [frame[3]].flat().slice(Math.max(0, rx + 1 - frame[1]))) {
        rx++;
        onPayload(payload);
      }
    }
    put('ack', rx, WINDOW);
  };
  const connect = (): void => {
    isOpen = false;
    const mine = (socket = new WebSocket(url));
    const terms = { window: WINDOW, bytes: 65_536, codecs: ['json'], id: 'foreign', delivery: 'exactly-once' };
    mine.on('open', () => put('hello', { v: 1, pid, epoch: 1, n: ++n, ...ticket, ...(ticket && { rx }), ...terms }));
    mine.on('message', (data: Buffer) => mine === socket && (splitAck(String(data)) as Frame[]).forEach(receive));
    mine.on('error', () => undefined);
    mine.on('close', (code) => {
      if (code !== 1000 && mine === socket) setTimeout(connect, 5);
    });
  };
  connect();

  return {
    send(payload) {
      batches.push({ first: last + 1, bodies: [{ id: `f${++ids}`, type: 'foreign', timestamp: 0, version: '1.0', source: '', payload }] });
      last++;
      flush();
    },
    cut: () => socket.terminate(),
    close: () => socket.close(1000),
    unacked: () => batches.length,
  };
}
