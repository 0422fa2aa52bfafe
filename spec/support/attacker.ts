import { once } from 'node:events';
import { connect as openSocket, type Socket } from 'node:net';
import { encodeRecord } from '../../lib/io/http/recordFormat.js';
import type { Frame } from '../../lib/io/link.js';
import { helloFrame } from './sessionFrames.js';
import { RECORDS } from '../server/http/rawHttpLink.js';

/** What a WebSocket frame is, by RFC 6455, section 5.2; 0 goes on with the one before. */
export const Opcode = { MORE: 0, TEXT: 1, BYTES: 2, PING: 9, PONG: 10 } as const;

/** Set, when nothing more of the message comes. */
const FIN = 128;

/** A WebSocket frame of a client as it travels, masked with a key that changes nothing. */
export function webSocketFrame(
  payload: Frame,
  opcode: number = typeof payload === 'string' ? Opcode.TEXT : Opcode.BYTES,
  fin = FIN,
): Buffer {
  const body = Buffer.from(payload as string);
  const { length } = body;
  const size = length < 126 ? [FIN + length] : [FIN + 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(fin + opcode, ...size, 0, 0, 0, 0), body]);
}

/** So often, at least, that it has so many bytes. */
export function over(bytes: number, piece: Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / piece.length) }, () => piece));
}

/** A request of a link as it travels. */
export function requestOf(method: string, link: string, number: number, frames: readonly Frame[] = [], accept: string = RECORDS): Buffer {
  const body = Buffer.concat(frames.map(encodeRecord));
  const fields = [
    ['host', 'x'],
    ['rxwire-link', link],
    ['rxwire-number', number],
    ['rxwire-code', 1_000],
    ['accept', accept],
    ['content-length', body.length],
  ];
  return Buffer.concat([Buffer.from(`${method} /wire HTTP/1.1\r\n${fields.map((field) => `${field.join(': ')}\r\n`).join('')}\r\n`), body]);
}

const CLOSE = 8;

/** A request for a WebSocket as it travels. */
export const UPGRADE = [
  'GET /wire HTTP/1.1',
  'host: x',
  'connection: Upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');

/** A socket that says what it likes, as fast as it is taken. */
export interface Attacker {
  readonly socket: Socket;
  /** What has come lately. */
  readonly heard: () => string;
  /** Resolves when this has come. */
  readonly until: (wanted: string | RegExp) => Promise<void>;
  /** Sends that over and over, until the connection ends. */
  readonly flood: (piece: (round: number) => Uint8Array) => Promise<void>;
  /** Resolves when a close frame has come, with its code; or when the connection has ended without. */
  readonly code: Promise<number | undefined>;
}

/** @param localAddress Its own address, one of 127.0.0.0/8. */
export async function attacker(port: number, localAddress = '127.0.0.1'): Promise<Attacker> {
  const socket = openSocket({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
  let heard = '';
  const looks = new Set<() => void>();
  const look = (): void => looks.forEach((one) => one());
  socket.on('data', (data) => {
    heard = (heard + data.toString('latin1')).slice(-10_000);
    look();
  });
  socket.on('close', look);
  await once(socket, 'connect');
  const until = (wanted: string | RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const see = (): void => {
        if (heard.search(wanted) >= 0) resolve();
        else if (socket.closed) reject(new Error(`closed before ${String(wanted)}: ${heard}`));
        else return;
        looks.delete(see);
      };
      looks.add(see);
      see();
    });
  const code = new Promise<number | undefined>((resolve) => {
    looks.add(() => {
      const found = codeIn(heard);
      if (found !== undefined || socket.closed) resolve(found);
    });
  });
  return { socket, heard: () => heard, until, flood: (piece) => flood(socket, piece), code };
}

/** One that is a WebSocket, and says that first. */
export async function webSocketAttacker(port: number, ...first: readonly Frame[]): Promise<Attacker> {
  return upgraded(await attacker(port), ...first);
}

async function upgraded(it: Attacker, ...first: readonly Frame[]): Promise<Attacker> {
  it.socket.write(UPGRADE);
  await it.until('\r\n\r\n');
  for (const frame of first) it.socket.write(webSocketFrame(frame));
  return it;
}

/** One that is welcome, and has shown that it knows. Rejects when it is refused. */
export async function welcomeAttacker(port: number, fields: object = {}, localAddress?: string): Promise<Attacker> {
  const it = await upgraded(await attacker(port, localAddress), helloFrame(fields));
  await it.until('"welcome"');
  it.socket.write(webSocketFrame('["ack",0,1024]'));
  await it.until(/"ack(msg)?"/);
  return it;
}

/** Of the close frame that has come last: a small one, whose reason is ASCII. */
function codeIn(heard: string): number | undefined {
  const at = heard.lastIndexOf(String.fromCharCode(FIN + CLOSE));
  return at < 0 || heard.length < at + 4 ? undefined : 256 * heard.charCodeAt(at + 2) + heard.charCodeAt(at + 3);
}

async function flood(socket: Socket, piece: (round: number) => Uint8Array): Promise<void> {
  for (let round = 0; socket.writable; round++) {
    const hasRoom = socket.write(piece(round));
    await (hasRoom ? new Promise(setImmediate) : drained(socket));
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}
