import { createMessage, gzipped, json, keyring, msgpack, sealed, type Codec, type Message, type PlainCodec } from '../../lib/index.js';
import { protobuf } from '../../lib/codec/protobuf/index.js';
import { compare, type Result, type Suite } from './bench.js';
import { compareWays } from './ways.js';
import { wireWay } from './wire.js';

const keys = keyring({ current: 'k1', keys: { k1: crypto.getRandomValues(new Uint8Array(32)) } });
const BATCH = 64;
const LOOPS = 100;

const source = { source: 'sandbox' };
/** Lines as a program prints them, different each time, so many bytes together. */
const printed = (index: number, bytes: number): string => {
  let text = '';
  for (let line = index; text.length < bytes; line += 7)
    text += `epoch ${line}: loss ${(1 / (line + 3)).toFixed(6)}, accuracy ${Math.sin(line).toFixed(4)}\n`;
  return text.slice(0, bytes);
};

/** What the console sends: mostly output, a few lines at a time, and between it what the sandbox uses and which files change. */
export const traffic: readonly Message[] = Array.from({ length: BATCH }, (_, index): Message => {
  const [executionId, sandboxId] = ['e-4711', 's-42'];
  if (index % 8 === 1) {
    const metrics = {
      cpu: 0.4171 + index / 100,
      memory: 52_428_800 + index,
      programs: 2,
      'disk.read': index * 1_024,
      'disk.write': index * 377,
    };
    return createMessage('resource.metrics', { sandboxId, metrics }, source);
  }
  if (index % 8 === 5) {
    return createMessage(
      'file.change',
      { sandboxId, path: `/home/user/src/file${index}.ts`, operation: 'update', progress: index / BATCH },
      source,
    );
  }
  return createMessage('execution.output', { executionId, sandboxId, data: printed(index, 256), stream: 'stdout' }, source);
});

const plain = {
  encode: (batch: readonly Message[]) => JSON.stringify(batch),
  decode: (frame: string) => JSON.parse(frame) as readonly Message[],
};
const thereAndBack = (codec: Pick<PlainCodec, 'encode' | 'decode'> | typeof plain) => () => () => {
  for (let loop = 0; loop < LOOPS; loop++) codec.decode(codec.encode(traffic) as never);
};

const faster = (name: string, codec: PlainCodec, goal?: number): Result =>
  compare({
    name: `${name}, there and back`,
    baseline: 'plain JSON',
    operations: BATCH * LOOPS,
    ours: thereAndBack(codec),
    theirs: thereAndBack(plain),
    ...(goal !== undefined && { goal }),
  });

function smaller(name: string, codec: PlainCodec, goal?: number): Result {
  const [ours, theirs] = [codec.encode(traffic).length, plain.encode(traffic).length];
  const ratio = theirs / ours;
  return {
    name: `${name}, bytes`,
    baseline: 'plain JSON',
    ours: `${ours} B`,
    theirs: `${theirs} B`,
    ratio,
    min: ratio,
    max: ratio,
    ...(goal !== undefined && { goal }),
  };
}

/** Acked messages a second over a real socket, each of which prints a KiB. */
async function throughput(name: string, codec: Codec, goal?: number): Promise<Result> {
  let index = 0;
  const texts = Array.from({ length: 1_000 }, (_, line) => printed(line, 1_024));
  const item = (): Message => createMessage('bench.item', texts[index++ % texts.length]);
  const over = (used: Codec) => wireWay(item, { codec: used, delivery: 'exactly-once' });
  return compareWays({ name, baseline: 'msgpack()', ours: await over(codec), theirs: await over(msgpack()), goal });
}

export const suite: Suite = [
  () => faster('msgpack', msgpack(), 1.5),
  () => smaller('msgpack', msgpack(), 1.25),
  () => faster('json', json()),
  () => faster('protobuf', protobuf()),
  () => smaller('protobuf', protobuf()),
  () => faster('msgpack, gzipped', gzipped(msgpack())),
  () => smaller('msgpack, gzipped', gzipped(msgpack())),
  () => throughput('gzipped(msgpack()), acked, 1 KiB', gzipped(msgpack()), 0.55),
  () => throughput('sealed(msgpack(), keys), acked, 1 KiB', sealed(msgpack(), keys), 0.55),
];
