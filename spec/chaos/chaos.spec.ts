import { BLACK_HOLE, fallIntoBlackHole } from './blackHole.js';
import { LEVELS } from './journal.js';
import { runOwners } from './owners.js';
import { drawPlan, type Plan } from './plan.js';
import { totalsOf } from './report.js';
import { runRound } from './round.js';
import { switchTransports } from './switching.js';

const STORM = 1_200;
/** Nothing goes wrong but what a test adds. */
const quiet = (seed: number): Plan => {
  const side = { levels: LEVELS, handler: 'at once', burst: 5, every: 5, payload: 10 } as const;
  return { seed, codec: 'json', storm: STORM, network: [], kills: [], client: side, server: side };
};

describe('chaos', () => {
  it('loses, doubles and reorders nothing while processes are killed and connections broken', async () => {
    const outcomes = await Promise.all([11, 12, 13].map((seed) => runRound(drawPlan(seed, STORM))));
    expect(outcomes.flatMap(({ failures }) => failures)).toEqual([]);
    const { done, tallies } = totalsOf(outcomes);
    expect(done.kills).toBeGreaterThan(3);
    expect(done.cuts + done.blackHoles + done.refusals + done.weathers).toBeGreaterThan(3);
    for (const level of LEVELS) expect(tallies[level].effects).toBeGreaterThan(100);
  }, 60_000);

  it('recovers from a black hole, a reset and refusals within 2.5 heartbeats', async () => {
    const plan = { ...BLACK_HOLE, before: 500, silence: 1_800, refused: 600, after: 1_000, ping: 600 };
    const { messages, acked, lost, doubled, reordered, recoveredWithin, limit, failures } = await fallIntoBlackHole(plan);
    expect({ acked, lost, doubled, reordered, failures }).toEqual({ acked: messages, lost: 0, doubled: 0, reordered: 0, failures: [] });
    expect(recoveredWithin).toBeLessThanOrEqual(limit);
  }, 60_000);

  it('loses, doubles and reorders nothing while the transport changes under load', async () => {
    const { switches, messages, lost, doubled, reordered, failures } = await switchTransports({ seed: 1, switches: 13, every: 80 });
    expect({ lost, doubled, reordered, failures }).toEqual({ lost: 0, doubled: 0, reordered: 0, failures: [] });
    expect(Object.keys(switches).sort()).toEqual(
      expect.arrayContaining(['sse → long-polling', 'long-polling → websocket', 'websocket → sse']),
    );
    expect(messages).toBeGreaterThan(100);
  }, 60_000);

  it('does each effect once while a client moves between two servers on one store', async () => {
    const outcomes = await Promise.all([21, 22].map((seed) => runOwners(seed, STORM)));
    expect(outcomes.flatMap(({ failures }) => failures)).toEqual([]);
    const { done, tallies } = totalsOf(outcomes);
    expect(done.bounces + done.kills).toBeGreaterThan(3);
    for (const level of LEVELS) expect(tallies[level].effects).toBeGreaterThan(10);
  }, 60_000);

  it('finds an outbox that forgets: messages in flight are lost', async () => {
    const network = [{ kind: 'blackHole', after: 300, climate: { up: { swallow: true } }, lasts: 1_000, isReset: false }] as const;
    const kills = [{ who: 'client', after: 700, pause: 0 }] as const;
    const { failures } = await runRound({ ...quiet(22), network, kills }, 'forgetful sender');
    expect(failures).toContainEqual(expect.stringMatching(/^exactly-once: \d+ lost/));
  }, 60_000);
});
