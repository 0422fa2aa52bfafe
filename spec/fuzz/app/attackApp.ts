import { mkdtempSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { percentiles } from '../../../lib/adapters/cli/printable.js';
import { startRemote, type Remote } from '../../bench/remote.js';
import { createChance } from '../server/chance.js';
import { ATTACKS, type AttackCommand, type ServerSample } from './attacks.js';
import { createNeighbour } from './neighbour.js';

export interface AttackOptions {
  /** How long all attacks take together, in s. */
  readonly seconds: number;
  readonly seed: number;
  /** The attacks whose names contain this text. @default all */
  readonly only?: string;
  /** How often an attack is repeated that broke a limit, before it counts. Hard limits count at once. @default 0 */
  readonly repeats?: number;
  /** A fault of the server that the fuzz must find. */
  readonly sabotage?: string;
}

/** The result of an attack. */
export interface AttackResult {
  readonly name: string;
  /** The highest CPU time of the event loop of the server between two ticks, in ms. */
  readonly stall: number;
  /** The longest time between two ticks for which the event loop did not wait for a core, in ms. */
  readonly blocked: number;
  /** The number of messages that the server received. */
  readonly messages: number;
  /** How much the memory of the server grew since the start, or since the time before the attack, whichever is more, in MiB. */
  readonly grown: number;
  /** The rate of the neighbour, compared with its rate before the attack. */
  readonly kept: number;
  /** The latency that 99 of 100 rounds of the neighbour did not exceed, in ms. */
  readonly latency: number;
}

export interface AttackReport {
  /** A sentence for each broken limit. */
  readonly faults: readonly string[];
  /** Those of them that no busy machine explains: a crash, a blocked event loop, memory. */
  readonly hardFaults: readonly string[];
  readonly results: readonly AttackResult[];
}

/** The limits of each attack, and those that no repeat forgives. */
export const LIMITS = { stall: 100, blocked: 1_000, grown: 200, kept: 0.8 } as const;

const LOW_PRIORITY = 10;

/** The time that an attack needs at least, in s: a shorter run has fewer attacks, chosen by its seed. */
const MIN_SECONDS = 1.5;

/** The part of the time of an attack for which the neighbour is measured alone before. */
const QUIET = 0.3;

interface ServerReports {
  readonly up: number;
  readonly sample: ServerSample;
}

interface HostileReports {
  readonly ready: true;
}

/** Attacks the server of an application, one attack after the other, beside a neighbour. */
export async function attackApp({ seconds, seed, only = '', repeats = 0, sabotage = '' }: AttackOptions): Promise<AttackReport> {
  const names = chosen(
    Object.keys(ATTACKS).filter((name) => name.includes(only)),
    Math.ceil(seconds / MIN_SECONDS),
    seed,
  );
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-fuzz-'));
  const time = (1_000 * seconds) / names.length;
  const faults: string[] = [];
  const hardFaults: string[] = [];
  const results: AttackResult[] = [];
  const closers: (() => unknown)[] = [];
  try {
    const server = startRemote<ServerReports>('the server', 'spec/fuzz/app/attackedServer.ts', [folder, sabotage]);
    closers.push(server.stop);
    const port = await server.next('up');
    const hostile = startRemote<HostileReports>('the hostile client', 'spec/fuzz/app/hostileClient.ts', [String(port)]);
    closers.push(hostile.stop);
    await hostile.next('ready');
    // A hostile client on a machine of its own takes no time of the server and of the neighbour.
    setPriority(hostile.pid, LOW_PRIORITY);
    const neighbour = createNeighbour(port);
    closers.push(neighbour.end);
    await neighbour.rate(500);
    const baseline = (await sampleOf(server, 'collect')).memory;
    for (const [index, name] of names.entries()) {
      const run = { server, hostile, neighbour, baseline, name, time };
      let result = await attack(run, seed + 1_000 * index);
      for (let repeat = 0; repeat < repeats && faultsOf(result).length > 0 && hardFaultsOf(result).length === 0; repeat++)
        result = await attack(run, seed + 1_000 * index);
      results.push(result);
      faults.push(...faultsOf(result));
      hardFaults.push(...hardFaultsOf(result));
    }
  } catch (error) {
    const crash = `the server did not survive '${names[results.length] ?? 'the start'}': ${String(error)}`;
    faults.push(crash);
    hardFaults.push(crash);
  } finally {
    await Promise.all(closers.reverse().map((close) => close()));
    rmSync(folder, { recursive: true, force: true });
  }
  return { faults, hardFaults, results };
}

/** Returns some of the names, in their order. */
function chosen(names: readonly string[], count: number, seed: number): readonly string[] {
  const left = [...names];
  const chance = createChance(seed);
  while (left.length > count) left.splice(chance.pick(left.length), 1);
  return left;
}

interface AttackRun {
  readonly server: Remote<ServerReports>;
  readonly hostile: Remote<HostileReports>;
  readonly neighbour: ReturnType<typeof createNeighbour>;
  /** The memory of the server before all attacks, in bytes. */
  readonly baseline: number;
  readonly name: string;
  readonly time: number;
}

async function attack({ server, hostile, neighbour, baseline, name, time }: AttackRun, seed: number): Promise<AttackResult> {
  // Ends the sessions of the attack before.
  await sampleOf(server, 'collect');
  const quiet = await neighbour.rate(QUIET * time);
  const before = await sampleOf(server, 'sample');
  hostile.send({ name, seed } satisfies AttackCommand);
  const loud = await neighbour.rate((1 - QUIET) * time);
  const { stall, blocked, memory, messages } = await sampleOf(server, 'sample');
  hostile.send('end' satisfies AttackCommand);
  return {
    name,
    messages,
    stall: Math.round(stall),
    blocked: Math.round(blocked),
    grown: Math.round((memory - Math.min(baseline, before.memory)) / 2 ** 20),
    kept: Math.round((100 * loud.rate) / Math.max(1, quiet.rate)) / 100,
    latency: Math.round(percentiles(loud.latencies).p99),
  };
}

async function sampleOf(server: Remote<ServerReports>, request: 'collect' | 'sample'): Promise<ServerSample> {
  const sample = server.next('sample');
  server.send(request);
  return sample;
}

function faultsOf(result: AttackResult): readonly string[] {
  const { name, messages, stall, kept } = result;
  return [
    ...hardFaultsOf(result),
    ...(messages === 0 ? [`the server received no message: ${name}`] : []),
    ...(stall >= LIMITS.stall ? [`the event loop of the server stood still for ${stall} ms, and may for ${LIMITS.stall}: ${name}`] : []),
    ...(kept < LIMITS.kept ? [`the neighbour kept ${kept} of its rate, and must keep ${LIMITS.kept}: ${name}`] : []),
  ];
}

function hardFaultsOf({ name, blocked, grown }: AttackResult): readonly string[] {
  return [
    ...(blocked >= LIMITS.blocked
      ? [`the event loop of the server was blocked for ${blocked} ms, and may be for ${LIMITS.blocked}: ${name}`]
      : []),
    ...(grown > LIMITS.grown ? [`the server took ${grown} MiB more, and may take ${LIMITS.grown}: ${name}`] : []),
  ];
}
