import { createMessage, json, msgpack, type Codec, type Message } from '../../../lib/index.js';
import type { Chance } from '../chance.js';

export type CodecName = 'json' | 'msgpack';

/** A payload, or a state of presence, with all that decides which wire can carry it. */
export interface Content {
  /** For the story: `8,300 control characters`. */
  readonly text: string;
  readonly value: unknown;
  readonly carriedBy: readonly CodecName[];
  /** The levels of arrays and objects. */
  readonly levels: number;
  /** The arrays in it. */
  readonly nodes: number;
  /** Fields of the envelope that no receiver accepts. @default none */
  readonly envelope?: object;
}

/** What a receiver accepts. */
export interface Limits {
  readonly maxFrame: number;
  readonly maxDepth: number;
  readonly maxNodes: number;
}

export const USUAL_LIMITS: Limits = { maxFrame: 1_048_576, maxDepth: 32, maxNodes: 100_000 };

/** Whether something must happen, must not, or is so near to a limit that the envelope decides. */
export type Verdict = 'yes' | 'no' | 'either';

export const BOTH: readonly CodecName[] = ['json', 'msgpack'];
/** The bytes that headers and envelopes may take more or less than expected. */
const MARGIN = 250;
/** The room of a frame that its header may need: `HEADER_ROOM` of lib. */
const HEADER = 80;

const plain = (text: string, value: unknown): Content => ({ text, value, carriedBy: BOTH, levels: 1, nodes: 1 });
const foreign = (text: string, value: unknown, ...carriedBy: readonly CodecName[]): Content => ({ ...plain(text, value), carriedBy });

/** Values that not every codec carries, or none. */
const FOREIGN: readonly (() => Content)[] = [
  () => foreign('bytes', [new Uint8Array([1, 2, 3])], 'msgpack'),
  () => foreign('a BigInt', [12_345_678_901_234_567_890n - 2n ** 63n], 'msgpack'),
  () => foreign('a Map', [new Map([['a', 1]])], 'msgpack'),
  () => foreign('NaN', [NaN], 'msgpack'),
  () => foreign('an unpaired surrogate', ['\ud800'], 'json'),
  () => foreign('a large BigInt', [2n ** 70n]),
  () => foreign('a function', [() => undefined]),
  () => foreign('an object with toJSON', [new Decimal()]),
];

class Decimal {
  toJSON(): string {
    return '1';
  }
}

/** One character each of one byte, of six bytes in JSON, and of three bytes. */
const CHARACTERS = [
  ['letters', 'a', 1],
  ['control characters', '\u0001', 6],
  ['characters of 3 bytes', '€', 3],
] as const;

/** @param limits Sizes in whose neighbourhood a text is interesting. */
export function drawPoison(chance: Chance, limits: readonly number[]): Content {
  const kind = chance.pick(['foreign', 'foreign', 'large', 'large', 'large', 'deep', 'wide'] as const);
  if (kind === 'foreign') return chance.pick(FOREIGN)();
  if (kind === 'deep') {
    const levels = chance.pick([18, 22, 29, 30, 31, 32, 33, 34, 40]);
    let value: unknown = [];
    for (let level = 1; level < levels; level++) value = [value];
    return { ...plain(`${levels} levels`, value), levels, nodes: levels };
  }
  if (kind === 'wide')
    return {
      ...plain(
        '300 arrays',
        Array.from({ length: 300 }, () => []),
      ),
      levels: 2,
      nodes: 301,
    };
  const [name, character, bytes] = chance.pick(CHARACTERS);
  const length = Math.max(
    1,
    Math.round((chance.pick(limits) * chance.pick([0.5, 0.8, 1, 1, 1, 1.2, 2]) + chance.whole(-500, 500)) / bytes),
  );
  return plain(`${length} ${name}`, [character.repeat(length)]);
}

export function drawPlain(chance: Chance): Content {
  return plain('a text', [`said ${'.'.repeat(Math.round(chance.skewed(0, 200)))}`]);
}

const SIZING: Readonly<Record<CodecName, Codec>> = {
  json: json({ maxDepth: 128 }),
  msgpack: msgpack({ maxDepth: 128, maxNodes: Infinity }),
};

/** Returns the bytes that a codec without limits makes of a message. */
export function sizeOf(codec: CodecName, message: Message): number {
  const frame = SIZING[codec].encode([message]) as string | Uint8Array;
  return typeof frame === 'string' ? new TextEncoder().encode(frame).length : frame.length;
}

/** Returns whether a value below a limit is below it whatever the envelope takes. */
export function isBelow(size: number, limit: number): Verdict {
  if (size <= limit - MARGIN) return 'yes';
  return size > limit + MARGIN ? 'no' : 'either';
}

/** Returns whether a wire can carry a message with a content, whatever its limits count of the envelope. */
export function carries(codec: CodecName, { maxFrame, maxDepth, maxNodes }: Limits, content: Content, message: Message): Verdict {
  const { carriedBy, levels, nodes, envelope } = content;
  if (envelope || !carriedBy.includes(codec) || levels > maxDepth || (codec === 'msgpack' && nodes > maxNodes)) return 'no';
  const isBelowLevels: Verdict = maxDepth < USUAL_LIMITS.maxDepth && levels > maxDepth - 6 ? 'either' : 'yes';
  return all([isBelowLevels, isBelow(sizeOf(codec, message), maxFrame - HEADER)]);
}

/** A message that a hub sends to a member, or a member to a hub, with another one inside. */
export function carrierOf(type: 'channel.message' | 'channel.publish', message: Message): Message {
  const position = { epoch: 'x'.repeat(12), offset: 100 };
  return createMessage<string, unknown>(type, { channel: 'room', ...(type === 'channel.message' ? position : { confirm: true }), message });
}

export function all(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('no')) return 'no';
  return verdicts.includes('either') ? 'either' : 'yes';
}

/** The verdict where one of several cases applies. */
export function oneOf(verdicts: readonly Verdict[]): Verdict {
  const [first = 'either'] = verdicts;
  return verdicts.every((verdict) => verdict === first) ? first : 'either';
}
