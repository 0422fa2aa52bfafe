import { simulateWave, type WavePlan } from './wave.js';

const PLAN: WavePlan = {
  ...{ clients: 10_000, nodes: 1, handshake: 0.4, refusal: 0.05, downtime: 500 },
  ...{ initialInterval: 500, maxInterval: 30_000, timeout: 5_000 },
};

describe('simulateWave', () => {
  it('gives the same result for the same seed, and another one for another', () => {
    expect(simulateWave(PLAN)).toEqual(simulateWave(PLAN));
    expect(simulateWave({ ...PLAN, seed: 2 })).not.toEqual(simulateWave(PLAN));
  });

  it('takes the time of all handshakes at least', () => {
    const { all } = simulateWave({ ...PLAN, spread: 0 });
    expect(all).toBeGreaterThanOrEqual(10_000 * 0.4);
    expect(all).toBeLessThan(10_000 * 0.4 + 10);
  });

  it('has no queue when the clients return more slowly than the node takes them', () => {
    const { longestQueue, mostAttempts } = simulateWave({ ...PLAN, spread: 10_000 });
    expect(longestQueue).toBeLessThan(20);
    expect(mostAttempts).toBe(1);
  });

  it('does not end when the node makes handshakes for clients that have given up, and ends when it refuses those that would wait', () => {
    const crowd = { ...PLAN, clients: 20_000, handshake: 2, spread: 1_000 };
    expect(simulateWave(crowd)).toMatchObject({ all: Infinity });
    const { all, wasted } = simulateWave({ ...crowd, longestWait: 1_000 });
    expect(all).toBeLessThan(120_000);
    expect(wasted).toBe(0);
  });
});
