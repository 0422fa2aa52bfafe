import { batchFrame } from '../../support/protocol/frames.js';
import { gzipped } from '../../../lib/codec/gzipped.js';
import { json } from '../../../lib/codec/json.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import { concatBytes } from '../../../lib/message/bytes.js';
import { encodeRecord } from '../../../lib/io/http/recordFormat.js';
import type { Frame } from '../../../lib/io/link.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { helloFrame } from '../../support/sessionFrames.js';
import type { Chance } from './chance.js';

export const codecs = [json(), msgpack(), gzipped(json(), { threshold: 100 })] as const;

export type Transport = 'websocket' | 'sse' | 'long-polling';

/** What goes over one socket, request by request, or frame by frame. */
export type Lane = readonly Uint8Array[];

/** Fields that a request has beside those it must have. */
export type Fields = Readonly<Record<string, string>>;

/** What a client of a session says when all goes well. */
export function goodFrames({ pick, name }: Chance): readonly Frame[] {
  const codec = codecs[pick(codecs.length)]!;
  const texts = Array.from({ length: 1 + pick(3) }, (_, index) =>
    createMessage(
      'test.echo',
      { list: [1, { deep: [['€']] }], text: 'x'.repeat(pick(300)) },
      { id: `${index}`, timestamp: 0, headers: { a: 'b' } },
    ),
  );
  const joins = [createMessage('channel.join', { channel: 'lobby', join: 1 }, { id: 'join', timestamp: 0 })];
  const next = texts.length + 1;
  return [
    helloFrame({ pid: name(32), codecs: [codec.name], token: 'somebody' }),
    '["ack",0,1024]',
    batchFrame(1, texts.length, codec.encode(texts)),
    batchFrame(next, 1, codec.encode(joins)),
    `["skip",[${next + 1}]]`,
    `["ping",${next + 1}]`,
    '["auth","somebody"]',
    '["ack",0,2048]',
  ];
}

/** How a client of this transport says that: what its sockets send, the second when the first has sent all. */
export function conversation(transport: Transport, frames: readonly Frame[], chance: Chance, fields: Fields = {}): readonly Lane[] {
  if (transport === 'websocket') {
    const key = Buffer.from(chance.name(16)).toString('base64');
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key, ...fields };
    return [[request('GET', headers), ...frames.map((frame) => webSocketFrame(frame, chance)), closing(chance)]];
  }
  const common = { 'rxwire-link': chance.name(43), 'content-type': 'application/octet-stream', ...fields };
  const accept = transport === 'sse' ? 'text/event-stream' : 'application/octet-stream';
  const post = (number: number, some: readonly Frame[]): Uint8Array =>
    request('POST', { accept, ...common, 'rxwire-number': `${number}`, ...fields }, concatBytes(some.map(encodeRecord)));
  const [hello = '', ack = '', ...rest] = frames;
  const poll = request('GET', { accept, ...common, 'rxwire-number': '1', ...fields });
  const leave = request('DELETE', { ...common, 'rxwire-code': '1000', 'rxwire-reason': 'done%21', ...fields });
  return [[post(1, [hello])], [post(2, [ack]), ...(transport === 'sse' ? [] : [poll]), post(3, rest), leave]];
}

function request(method: string, headers: Fields, body?: Uint8Array): Uint8Array {
  const all: Fields = { host: '127.0.0.1', ...(body && { 'content-length': `${body.length}` }), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${method} /wire HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
  return body ? Buffer.concat([head, body]) : head;
}

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;

/** RFC 6455, section 5.2. */
function webSocketFrame(frame: Frame, chance: Chance): Uint8Array {
  return typeof frame === 'string' ? masked(TEXT, Buffer.from(frame), chance) : masked(BINARY, frame, chance);
}

function closing(chance: Chance): Uint8Array {
  return masked(CLOSE, Buffer.from([0x03, 0xe8, ...Buffer.from('bye')]), chance);
}

function masked(kind: number, payload: Uint8Array, { pick }: Chance): Uint8Array {
  const key = [pick(256), pick(256), pick(256), pick(256)];
  const { length } = payload;
  const size =
    length < 126
      ? [128 + length]
      : length < 65_536
        ? [254, length >> 8, length & 255]
        : [255, 0, 0, 0, 0, length >>> 24, length >>> 16, length >>> 8, length];
  return Uint8Array.from([128 + kind, ...size, ...key, ...payload.map((byte, index) => byte ^ key[index % 4]!)]);
}
