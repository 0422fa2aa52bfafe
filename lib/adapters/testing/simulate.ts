import { asyncScheduler, config, interval } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { textOf } from '../../message/errors/rxwireError.js';
import { anything, notNegative, type OptionTable, readOptions, type ReadOptions, whole } from '../../message/options/readOptions.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { type SimulationFaults, createWorld, type SimulationEvent, type SimulationWorld, synchronous } from './simulationWorld.js';
import { runVirtually } from './virtualTime.js';

/** The conditions that must hold in each run. A failing check throws: `expect`, `assert` … */
export interface SimulationChecks {
  /** Called after each step and each fault, and every 100 ms. */
  readonly always?: () => void;
  /** Called at the end, when all faults are over and what was lost had time to be sent again. */
  readonly atEnd?: () => void;
}

/** Sets up a test, without promises: virtual time does not wait for them. */
export type SimulationStory = (world: SimulationWorld) => SimulationChecks;

export interface SimulationOptions {
  /** How many seeds are run, from `firstSeed` on. @default 100 */
  readonly seeds?: number;
  /** @default 1 */
  readonly firstSeed?: number;
  /** The kinds of faults. @default all */
  readonly faults?: SimulationFaults;
  /** How long there are faults and steps, in ms of virtual time. @default 10_000 */
  readonly duration?: number;
  /** How long the run continues without faults, in ms of virtual time. @default 60_000 */
  readonly settle?: number;
  /** Runs one seed only, with the events that a `SimulationError` names. */
  readonly replay?: string;
}

/** A seed of a simulation has failed. `cause` is the error of the check. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
  readonly seed: number;
  /** The events that the seed needs to fail, in order. */
  readonly events: readonly SimulationEvent[];
  /** The value of the option `replay` that runs the seed with these events. */
  readonly replay: string;

  /** @param all The events of the seed before it was shrunk. */
  constructor(seed: number, events: readonly SimulationEvent[], all: readonly SimulationEvent[], cause: unknown) {
    const replay = `${seed}:${events.map(({ id }) => id).join()}`;
    const lines = events.map(({ at, text }) => `  ${String(at).padStart(8)} ms  ${text}`);
    super(
      [
        `seed ${seed} fails, with ${events.length} of its ${all.length} events:`,
        ...lines,
        '',
        reasonOf(cause),
        '',
        `run it again with { replay: '${replay}' }`,
      ].join('\n'),
      { cause },
    );
    this.seed = seed;
    this.events = events;
    this.replay = replay;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${textOf(error)}: ${reasonOf(error.cause)}`;
}

/** A summary of all runs. */
export interface SimulationReport {
  readonly seeds: number;
  readonly steps: number;
  readonly faults: number;
}

const SIMULATION_OPTIONS = {
  seeds: [whole, 100],
  firstSeed: [notNegative, 1],
  duration: [whole, 10_000],
  settle: [notNegative, 60_000],
  faults: [anything, {}],
  replay: [anything],
} as const satisfies OptionTable<SimulationOptions>;
type FullSimulationOptions = ReadOptions<SimulationOptions, typeof SIMULATION_OPTIONS>;

const CHECKED_EVERY = 100;

/**
 * Runs a story of your own with many seeds, on virtual time: the network is cut and delays frames,
 * the server crashes, handlers are slow, as the seed decides. The checks of the story must hold in
 * each run. A seed that fails is shrunk to the events that it needs to fail.
 *
 * @returns A summary of all runs.
 * @throws {SimulationError} When a check or the story throws, or a subscriber throws where nothing
 *   catches it. `cause` is that error; the message says how to run the seed again.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * import { connect, createMessage, webSocket } from 'rxwire';
 * import { simulate, testWire } from 'rxwire/testing';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const { seeds } = simulate(
 *   ({ testWire, during }) => {
 *     const { wire, server } = testWire();
 *     const sent: unknown[] = [];
 *     during(10, (index) => {
 *       sent.push(index);
 *       wire.next(createMessage('counted', index));
 *     });
 *     return {
 *       atEnd: () => {
 *         const received = server.received.map(({ payload }) => payload);
 *         if (received.join() !== sent.join()) throw new Error(`received ${received.join()}`);
 *       },
 *     };
 *   },
 *   { seeds: 20, faults: { crashes: false } },
 * );
 * console.log(seeds); // prints: 20
 */
export function simulate(story: SimulationStory, options: SimulationOptions = {}): SimulationReport {
  checkOptions('simulate', options);
  const read = readOptions('simulate', options, SIMULATION_OPTIONS);
  const { seeds, firstSeed, replay } = read;
  if (replay !== undefined) {
    const { seed, kept } = parseReplay(replay);
    const { events, failure } = runSeed(story, seed, read, (id) => kept !== undefined && !kept.has(id));
    if (failure) throw new SimulationError(seed, events, events, failure.cause);
    const missing = [...(kept ?? [])].find((id) => !events.some((event) => event.id === id));
    if (missing !== undefined) throw new RangeError(`simulate: "replay" names ${missing}, which is no event of seed ${seed}`);
    return reportOf([events]);
  }
  const all: (readonly SimulationEvent[])[] = [];
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const run = runSeed(story, seed, read, () => false);
    if (run.failure) {
      const { events, failure } = shrink(run, (isLeftOut) => runSeed(story, seed, read, isLeftOut));
      throw new SimulationError(seed, events, run.events, failure?.cause);
    }
    all.push(run.events);
  }
  return reportOf(all);
}

function runSeed(story: SimulationStory, seed: number, options: FullSimulationOptions, isLeftOut: (id: string) => boolean): SimulationRun {
  const { faults, duration, settle } = options;
  const events: SimulationEvent[] = [];
  let failure: SimulationRun['failure'];
  const fail = (cause: unknown): void => void (failure ??= { cause });
  const { onUnhandledError } = config;
  // An exception of a subscriber fails the run, even where the library would only report it.
  config.onUnhandledError = fail;
  try {
    runVirtually((scheduler, { flush }, close) => {
      let checks: SimulationChecks = {};
      const check = (): void => {
        if (!failure) callSafely(() => checks.always?.(), fail);
      };
      const onEvent = (event: SimulationEvent): void => {
        events.push(event);
        asyncScheduler.schedule(check);
      };
      callSafely(() => {
        checks = synchronous('the story', story(createWorld({ seed, faults, duration, isLeftOut, onEvent })));
        if (checks.always) interval(CHECKED_EVERY).subscribe(check);
        scheduler.maxFrames = duration + settle;
        flush();
        if (!failure) checks.atEnd?.();
      }, fail);
      callSafely(close, fail);
      // Work that the story has left running does not continue.
      scheduler.actions.length = 0;
    });
  } finally {
    config.onUnhandledError = onUnhandledError;
  }
  return { events: events.sort((one, other) => one.at - other.at), failure };
}

function parseReplay(replay: string): { readonly seed: number; readonly kept: ReadonlySet<string> | undefined } {
  const [seed = '', kept] = replay.split(':');
  if (!/^\d+$/.test(seed)) throw new RangeError(`simulate: "replay" must be a seed, or a seed and its events, as 17:f2,s3, got ${replay}`);
  return { seed: Number(seed), kept: kept === undefined ? undefined : new Set(kept.split(',').filter((id) => id !== '')) };
}

function reportOf(runs: readonly (readonly SimulationEvent[])[]): SimulationReport {
  const events = runs.flat();
  const steps = events.filter(({ id }) => id.startsWith('s')).length;
  return { seeds: runs.length, steps, faults: events.length - steps };
}

export interface SimulationRun {
  readonly events: readonly SimulationEvent[];
  readonly failure: { readonly cause: unknown } | undefined;
}

const MAX_RUNS = 300;

/**
 * Leaves events of a failed run out while it still fails: halves, then quarters, down to one.
 * @param run Runs the seed without the events for which the function returns true.
 */
function shrink(failed: SimulationRun, run: (isLeftOut: (id: string) => boolean) => SimulationRun): SimulationRun {
  const all = new Set(failed.events.map(({ id }) => id));
  let best = failed;
  let runs = 0;
  const fails = (kept: readonly SimulationEvent[]): boolean => {
    if (++runs > MAX_RUNS) return false;
    const ids = new Set(kept.map(({ id }) => id));
    // An event that only this run has is one of those that were decided later: it may happen.
    const result = run((id) => all.has(id) && !ids.has(id));
    if (!result.failure) return false;
    for (const { id } of result.events) all.add(id);
    best = result;
    return true;
  };
  for (let size = Math.ceil(failed.events.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.events.length;) {
      const kept = best.events.filter((_, index) => index < at || index >= at + size);
      if (!fails(kept)) at += size;
    }
  }
  return best;
}
