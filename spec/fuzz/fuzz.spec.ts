import fc from 'fast-check';
import type { PlainCodec } from '../../lib/codec/codec.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { mutations } from '../codec/mutations.js';
import { compositions, refusing, type Composition } from './compositions.js';
import { differences, mutate, roundTrips } from './fuzz.js';
import { same } from './same.js';

/** What is held is measured by `npm run fuzz`: collecting garbage takes its time here. */
const nothing = (): Promise<number> => Promise.resolve(0);

describe.each(compositions.map((composition) => [composition.name, composition] as const))('%s', (_, composition) => {
  it('decodes random batches', () => {
    expect(roundTrips(composition, 100, 1)).toEqual([]);
  });

  it('survives frames that were good once', async () => {
    expect((await mutate(composition, 300, 1, nothing)).faults).toEqual([]);
  });
});

describe.each([...compositions, ...refusing].map((composition) => [composition.name, composition] as const))('%s', (_, composition) => {
  it('decodes whatever it encodes', () => {
    expect(differences(composition, 300, 1)).toEqual([]);
  });
});

describe('the fuzzer', () => {
  const { batches, anyBatches, arrives } = compositions[0]!;
  const slowFrame = [
    ...mutations(
      fc.sample(batches, { numRuns: 200, seed: 1 }).map((batch) => json().encode(batch)),
      10,
      2,
    ),
  ][5];
  const over = (changes: Partial<PlainCodec>): Composition => ({
    name: 'broken',
    codec: { ...json(), ...changes },
    batches,
    anyBatches,
    arrives,
  });

  it('finds a codec that loses something', async () => {
    let times = 0;
    expect(roundTrips(over({ decode: (frame) => json().decode(frame).slice(0, 2) }), 100, 1)).toHaveLength(1);
    const forgetful = over({
      decode: (frame) =>
        json()
          .decode(frame)
          .slice(0, ++times % 3),
    });
    expect((await mutate(forgetful, 300, 1, nothing)).faults).not.toEqual([]);
  });

  it.each<[string, Partial<PlainCodec>, RegExp]>([
    ['decodes fewer messages than it encodes', { decode: (frame) => json().decode(frame).slice(1) }, /were encoded/],
    ['refuses what it encodes', { decode: (frame) => msgpack().decode(frame) }, /decode threw/],
    [
      'changes what it encodes',
      {
        decode: (frame) =>
          json()
            .decode(frame)
            .map((message) => ({ ...message, id: 'b' })),
      },
      /another message/,
    ],
    ['throws what it should not when it encodes', { encode: () => JSON.parse('') as string }, /encode threw/],
  ])('finds a codec that %s', (_, changes, fault) => {
    expect(differences(over(changes), 100, 1)).toEqual([expect.stringMatching(fault)]);
  });

  it.each<[string, (frame: string | Uint8Array) => void]>([
    ['throws what it should not', (frame) => void JSON.parse(frame as string)],
    ['is slow', (frame) => frame === slowFrame && wasteTime()],
    ['changes a prototype', () => void Object.assign(Object.prototype, { polluted: true })],
  ])('finds a codec that %s', async (_, disturb) => {
    const codec = over({
      decode(frame) {
        disturb(frame);
        return json().decode(frame);
      },
    });
    expect((await mutate(codec, 300, 1, nothing)).faults).not.toEqual([]);
    Reflect.deleteProperty(Object.prototype, 'polluted');
  });

  it('finds a codec that keeps its arguments', async () => {
    const kept: unknown[] = [];
    const codec = over({
      decode(frame) {
        kept.push(new Uint8Array(100_000));
        return json().decode(frame);
      },
    });
    expect((await mutate(codec, 200, 1)).faults).toEqual([expect.stringMatching(/MiB have stayed/)]);
  }, 30_000);

  it('distinguishes equal and different values', () => {
    expect(same({ a: [1, new Date(1)], b: undefined }, { a: [1, new Date(1)] })).toBe(true);
    for (const [a, b] of [
      [1, 2],
      [{ a: 1 }, { a: 2 }],
      [[], {}],
      [new Date(1), new Date(2)],
      [new Set([1]), new Set([2])],
      [new Map([[1, 2]]), new Map()],
      [Uint8Array.of(1), [1]],
      [null, {}],
    ]) {
      expect(same(a, b)).toBe(false);
    }
  });
});

function wasteTime(): void {
  const [start, end] = [process.cpuUsage(), performance.now() + 101];
  while (process.cpuUsage(start).user < 150_000 || performance.now() < end);
}
