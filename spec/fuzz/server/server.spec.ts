import { jest } from '@jest/globals';
import type { Wire } from '../../../lib/wire/wire.js';
import { mutantOf } from './mutant.js';
import { siege } from './siege.js';

jest.setTimeout(60_000);

/** What is held is measured by `npm run fuzz -- --server`: collecting garbage takes its time here. */
const heldNow = (): Promise<number> => Promise.resolve(0);

describe('a server, and 300 clients that send invalid data', () => {
  it('continues, serves others, and keeps no state of them', async () => {
    const { faults, answers, wires, messages, floods } = await siege({ count: 300, seed: 1, heldNow });
    expect(faults).toEqual([]);
    // They get as far as that there is something to break.
    expect(Object.keys(answers)).toEqual(expect.arrayContaining(['101', '200', '204', '400', '404']));
    expect([wires > 100, messages > 200, floods > 5]).toEqual([true, true, true]);
  });
});

describe('the siege', () => {
  it('is the same for the same seed', () => {
    expect(mutantOf(7)).toEqual(mutantOf(7));
    expect(mutantOf(7)).not.toEqual(mutantOf(8));
  });

  it('finds a server that keeps the wires of clients that have left', async () => {
    const { faults } = await siege({ count: 60, seed: 1, heldNow, listening: { detachedTimeout: 1_000_000 } });
    expect(faults).toEqual([expect.stringMatching(/wires, \d+ timers are left/)]);
  });

  it('finds a server whose good clients suffer', async () => {
    const wires: Wire[] = [];
    const onWire = (wire: Wire): void => {
      if (wires.push(wire) === 10) wires[0]!.complete();
    };
    expect((await siege({ count: 60, seed: 1, heldNow, onWire })).faults).toContain('a good client is not served');
  });
});
