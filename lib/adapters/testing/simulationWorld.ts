import { asyncScheduler, delay, EMPTY, mergeMap, type MonoTypeOperatorFunction, type Observable, of, timer } from 'rxjs';
import { isPromise } from '../../message/maybeAsync.js';
import type { AnyTypes, MessageIn } from '../../message/types.js';
import { testWire, type TestWire, type TestWireOptions } from './testWire.js';

/** The parts of a story of {@link simulate}, with virtual time and the chance of the seed. */
export interface SimulationWorld {
  readonly seed: number;
  /** Returns numbers from 0 up to, but not including, 1. */
  readonly random: () => number;
  /**
   * Creates a wire whose network and server suffer the faults of the seed. A frame takes 1 to 20
   * ms, as the seed decides, unless `lag` is given.
   */
  readonly testWire: <Types extends object = AnyTypes>(options?: TestWireOptions) => TestWire<MessageIn<Types>>;
  /** Runs a step the given number of times, in order, at random times while there are faults. */
  readonly during: (count: number, step: (index: number) => unknown) => void;
  /** Emits once, after 0 to `most` ms, by default 500: for a handler that is slow. */
  readonly pause: (most?: number) => Observable<unknown>;
  /** Loses values, emits some twice, and changes their order, as an unreliable connection does. */
  readonly unreliable: <T>() => MonoTypeOperatorFunction<T>;
}

/** Something that has happened in a run. */
export interface SimulationEvent {
  /** Identifies the event among those of its seed. A run can leave it out. */
  readonly id: string;
  readonly at: number;
  readonly text: string;
}

interface WorldOptions {
  readonly seed: number;
  readonly faults: SimulationFaults;
  readonly duration: number;
  readonly isLeftOut: (id: string) => boolean;
  readonly onEvent: (event: SimulationEvent) => void;
}

/** @throws {TypeError} If the result is a promise, for which virtual time would not wait. */
export function synchronous<T>(name: string, result: T): T {
  if (isPromise(result)) throw new TypeError(`simulate: ${name} must not return a promise, because virtual time does not wait for it`);
  return result;
}

/** The longest time of a frame without a fault, in ms. No time at all would hide mistakes. */
const MAX_LAG = 20;
const LOST = 0.1;
const DOUBLED = 0.1;
const LATE = 0.2;
/** How much later a value arrives than the values behind it, in ms. */
const LATEST = 50;

/** A wire, and how long its frames take without a fault, in ms. */
interface FaultyWire {
  readonly test: TestWire;
  readonly lag: number;
}

export function createWorld(options: WorldOptions): SimulationWorld {
  const { seed, faults, duration, isLeftOut, onEvent } = options;
  const wires: FaultyWire[] = [];
  let [steps, pipes, pauses] = [0, 0, 0];
  scheduleFaults(options, wires);

  /** Decides by chance whether a fault happens here: by the seed and the place alone. */
  const happens = (id: string, probability: number, text: string): boolean => {
    if (seededRandom(`${seed} ${id}`)() >= probability || isLeftOut(id)) return false;
    onEvent({ id, at: asyncScheduler.now(), text });
    return true;
  };

  return {
    seed,
    random: seededRandom(`story of ${seed}`),
    testWire<Types extends object>(own?: TestWireOptions) {
      const lag = Math.ceil(MAX_LAG ** seededRandom(`lag ${wires.length} of ${seed}`)());
      const test = testWire<Types>({ lag, ...own });
      wires.push({ test: test as unknown as TestWire, lag: own?.lag ?? lag });
      return test;
    },
    during(count, step) {
      const random = seededRandom(`steps ${steps} of ${seed}`);
      const first = steps;
      steps += count;
      const times = Array.from({ length: count }, () => Math.floor(random() * duration)).sort((one, other) => one - other);
      times.forEach((at, index) => {
        const id = `s${first + index}`;
        if (isLeftOut(id)) return;
        timer(at).subscribe(() => {
          onEvent({ id, at, text: `step ${index}` });
          synchronous('a step', step(index));
        });
      });
    },
    pause(most = 500) {
      const id = `p${pauses++}`;
      if (faults.slowness === false || isLeftOut(id)) return of(0);
      const ms = Math.floor(most ** seededRandom(`${seed} ${id}`)());
      onEvent({ id, at: asyncScheduler.now(), text: `a pause of ${ms} ms` });
      return timer(ms);
    },
    unreliable<T>(): MonoTypeOperatorFunction<T> {
      const pipe = pipes++;
      let count = 0;
      return mergeMap((value: T): Observable<T> => {
        if (faults.losses === false) return of(value);
        const name = `value ${count} of pipe ${pipe}`;
        const id = `${pipe}.${count++}`;
        if (happens(`l${id}`, LOST, `${name} is lost`)) return EMPTY;
        const copies = happens(`d${id}`, DOUBLED, `${name} arrives twice`) ? of(value, value) : of(value);
        return happens(`r${id}`, LATE, `${name} is late`)
          ? copies.pipe(delay(1 + Math.floor(LATEST * seededRandom(`${seed} late ${id}`)())))
          : copies;
      });
    },
  };
}

/** A cut takes precedence over a black hole, and the longest lag applies. */
function scheduleFaults({ seed, faults, duration, isLeftOut, onEvent }: WorldOptions, wires: readonly FaultyWire[]): void {
  const active = new Set<PlannedFault>();
  const settle = (): void => {
    const kinds = [...active].map(({ kind }) => kind);
    const lag = Math.max(0, ...[...active].map(({ kind, delay: ms }) => (kind === 'lag' ? ms : 0)));
    for (const { test, lag: least } of wires) {
      test.lag(least + lag);
      if (kinds.includes('cut')) test.cut();
      else if (kinds.includes('black hole')) test.blackhole();
      else test.restore();
    }
  };
  for (const fault of planFaults(seed, faults, duration)) {
    if (isLeftOut(fault.id)) continue;
    timer(fault.at).subscribe(() => {
      onEvent({ id: fault.id, at: fault.at, text: describeFault(fault) });
      if (fault.kind === 'crash') for (const { test } of wires) test.crashServer();
      else if (fault.kind === 'drop') for (const { test } of wires) test.drop();
      else {
        active.add(fault);
        settle();
        timer(fault.lasts).subscribe(() => {
          active.delete(fault);
          settle();
        });
      }
    });
  }
}

/** The kinds of faults of a simulation. */
export interface SimulationFaults {
  /** The connection is lost, and the network refuses others for up to 3 s. @default true */
  readonly cuts?: boolean;
  /** Frames are lost for up to 3 s, without notice to either side. @default true */
  readonly blackHoles?: boolean;
  /** Frames take up to 300 ms longer in each direction, for up to 3 s. @default true */
  readonly lags?: boolean;
  /** The server crashes; another one starts with the content of its stores. @default true */
  readonly crashes?: boolean;
  /** `unreliable` loses values, emits them twice, and changes their order. @default true */
  readonly losses?: boolean;
  /** `pause` takes time. @default true */
  readonly slowness?: boolean;
}

type PlannedFault = ReturnType<typeof planFaults>[number];

const KINDS = { cut: 'cuts', drop: 'cuts', 'black hole': 'blackHoles', lag: 'lags', crash: 'crashes' } as const;
const MAX_FAULTS = 8;
const LONGEST = 3_000;
const MAX_DELAY = 300;

/** Returns the faults of a seed, in order. Most are short; few take longer than a heartbeat. */
function planFaults(seed: number, faults: SimulationFaults, duration: number) {
  const random = seededRandom(`faults of ${seed}`);
  const kinds = (Object.keys(KINDS) as (keyof typeof KINDS)[]).filter((kind) => faults[KINDS[kind]] !== false);
  if (kinds.length === 0) return [];
  const count = Math.floor(random() * (MAX_FAULTS + 1));
  const planned = Array.from({ length: count }, (_, index) => ({
    id: `f${index}`,
    kind: kinds[Math.floor(random() * kinds.length)] ?? ('cut' as const),
    at: Math.floor(random() * duration),
    lasts: Math.ceil(LONGEST ** random()),
    delay: Math.ceil(MAX_DELAY ** random()),
  }));
  return planned.sort((one, other) => one.at - other.at);
}

function describeFault({ kind, lasts, delay }: PlannedFault): string {
  if (kind === 'crash') return 'the server crashes';
  if (kind === 'drop') return 'the connection is lost';
  if (kind === 'cut') return `the network is cut for ${lasts} ms`;
  return kind === 'lag' ? `frames take ${delay} ms longer for ${lasts} ms` : `frames vanish for ${lasts} ms`;
}

/**
 * Returns numbers from 0 up to, but not including, 1: the same ones for the same seed. This is
 * mulberry32, which is fast, small, and good enough for tests.
 */
function seededRandom(seed: string | number): () => number {
  let state = hashOf(String(seed));
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}
