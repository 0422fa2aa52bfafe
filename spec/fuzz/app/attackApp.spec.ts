import { jest } from '@jest/globals';
import { attackApp, LIMITS } from './attackApp.js';

jest.setTimeout(60_000);

describe('attackApp', () => {
  it('breaks no limit with requests for much history, however busy this machine is', async () => {
    const { results } = await attackApp({ seconds: 2, seed: 1, only: 'history of a channel of 4 kB messages' });
    expect(results).toHaveLength(1);
    const [{ blocked, grown }] = results as [(typeof results)[0]];
    expect([blocked < LIMITS.blocked, grown < LIMITS.grown]).toEqual([true, true]);
  });

  it('finds a server whose event loop stands still', async () => {
    const { faults } = await attackApp({ seconds: 2, seed: 1, only: 'joins and leaves', sabotage: 'stall' });
    expect(faults).toContainEqual(
      expect.stringMatching(/^the event loop of the server stood still for \d+ ms, and may for 100: joins and leaves$/),
    );
  });

  it('finds a server that ends', async () => {
    const { faults } = await attackApp({ seconds: 2, seed: 1, only: 'joins and leaves', sabotage: 'crash' });
    expect(faults).toContainEqual(expect.stringContaining("the server did not survive 'joins and leaves'"));
  });
});
