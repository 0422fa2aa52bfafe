import type { Frame } from '../../../lib/io/link.js';
import { mutations } from '../../codec/mutations.js';
import { createChance, type Chance } from './chance.js';
import { conversation, goodFrames, type Fields, type Lane, type Transport } from './conversation.js';

/** A conversation in which something is wrong. */
export interface Mutant {
  readonly lanes: readonly Lane[];
  readonly what: string;
}

const NUMBERS = [
  '-1',
  '0',
  '1.5',
  '1e300',
  '257',
  '4503599627370497',
  '9007199254740993',
  'null',
  '"1"',
  '[]',
  '{"__proto__":{"polluted":1}}',
];

const FIELDS: readonly Fields[] = [
  { origin: 'https://evil.example' },
  { host: '' },
  { accept: '*/*' },
  { 'rxwire-link': '__proto__' },
  { 'rxwire-link': 'x'.repeat(8_000) },
  { 'rxwire-number': '0' },
  { 'rxwire-number': '99999999999999999999' },
  { 'rxwire-code': '1e3' },
  { 'rxwire-reason': '%' },
  { 'rxwire-reason': '%0D%0A%00' },
  { 'content-length': '999999999999' },
  { 'content-length': '1' },
  { 'content-length': '-1' },
  { 'transfer-encoding': 'chunked' },
  { 'transfer-encoding': 'chunked, chunked' },
  { expect: '100-continue' },
  { upgrade: 'h2c' },
  { 'sec-websocket-version': '12' },
  { 'sec-websocket-key': 'short' },
  { 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits=99' },
  { 'sec-websocket-protocol': 'a, a, \u00ff' },
  { 'access-control-request-headers': 'rxwire-link' },
  { authorization: 'x'.repeat(20_000) },
];

/** The same for the same seed. */
export function mutantOf(seed: number): Mutant {
  const chance = createChance(seed);
  const transport = chance.oneOf<Transport>(['websocket', 'sse', 'long-polling']);
  const frames = goodFrames(chance);
  const way = chance.oneOf(['bytes', 'bytes', 'frames', 'frames', 'frames', 'fields', 'order', 'flood']);
  const what = `${transport}, ${way}`;
  if (way === 'bytes') return { what, lanes: conversation(transport, frames, chance).map((lane) => overwritten(lane, chance)) };
  if (way === 'fields') return { what, lanes: conversation(transport, frames, chance, chance.oneOf(FIELDS)) };
  if (way === 'flood') return { what, lanes: conversation(transport, flooded(frames, chance), chance) };
  return { what, lanes: conversation(transport, way === 'order' ? shuffled(frames, chance) : changed(frames, chance), chance) };
}

/** The bytes of a socket: cut, doubled, overwritten, joined. What is left out of it now and then is nothing at all. */
function overwritten(lane: Lane, { pick, seed }: Chance): Lane {
  const victim = pick(lane.length);
  const [worse] = mutations(lane, 1, seed);
  return lane.map((piece, index) => (index === victim ? (worse as Uint8Array) : piece));
}

/** Frames that go over it in good order. */
function changed(frames: readonly Frame[], chance: Chance): readonly Frame[] {
  const victim = chance.pick(frames.length);
  return frames.map((frame, index) => (index === victim ? worse(frame, frames, chance) : frame));
}

function worse(frame: Frame, frames: readonly Frame[], { pick, oneOf, seed }: Chance): Frame {
  if (typeof frame === 'string' && pick(2) === 0) return frame.replace(/\d+/g, (digits) => (pick(3) === 0 ? oneOf(NUMBERS) : digits));
  const alike = frames.filter((other) => typeof other === typeof frame);
  return [...mutations([frame, ...alike], 1, seed)][0]!;
}

/** So often that it is too much, where that is bounded: the server closes who sends 512 frames that bring nothing. */
const MANY = 600;

/** One of them, or nothing at all, over and over, when all is said, or before that. */
function flooded(frames: readonly Frame[], { pick, oneOf }: Chance): readonly Frame[] {
  const [said, again] = [frames.slice(0, oneOf([1, 2, frames.length])), oneOf([...frames, ''])];
  return [...said, ...Array.from({ length: MANY + pick(20) }, () => again)];
}

/** Left out, doubled, and in another order. */
function shuffled(frames: readonly Frame[], { pick, oneOf }: Chance): readonly Frame[] {
  return [...frames.slice(0, pick(3)), ...Array.from({ length: pick(12) }, () => oneOf(frames))];
}
