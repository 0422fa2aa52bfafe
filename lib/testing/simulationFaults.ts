import { seededRandom } from './seededRandom.js';

/** The kinds of faults of a simulation. */
export interface SimulationFaults {
  /** The connection is lost, and the network refuses others for up to 3 s. @default true */
  readonly cuts?: boolean;
  /** Frames are lost for up to 3 s, without notice to either side. @default true */
  readonly blackHoles?: boolean;
  /** Frames take up to 300 ms longer in each direction, for up to 3 s. @default true */
  readonly lags?: boolean;
  /**
   * The server crashes, and another one starts, with only the content of its stores.
   * @default true
   */
  readonly crashes?: boolean;
  /** `unreliable` loses values, emits them twice, and changes their order. @default true */
  readonly losses?: boolean;
  /** `pause` takes time. @default true */
  readonly slowness?: boolean;
}

/** A fault of the network or of the server, at a time. */
export interface PlannedFault {
  /** Identifies the fault among those of its seed. */
  readonly id: string;
  readonly kind: 'cut' | 'black hole' | 'lag' | 'crash' | 'drop';
  /** In ms from the start. */
  readonly at: number;
  /** How long it lasts, in ms. */
  readonly lasts: number;
  /** The delay of a frame, in ms. */
  readonly delay: number;
}

const KINDS = { cut: 'cuts', drop: 'cuts', 'black hole': 'blackHoles', lag: 'lags', crash: 'crashes' } as const;
/** The maximum number of faults of a seed. */
const MAX_FAULTS = 8;
const LONGEST = 3_000;
const MAX_DELAY = 300;

/**
 * Returns the faults of a seed, in order. Most of them are short; few take longer than a heartbeat.
 */
export function planFaults(seed: number, faults: SimulationFaults, duration: number): readonly PlannedFault[] {
  const random = seededRandom(`faults of ${seed}`);
  const kinds = (Object.keys(KINDS) as (keyof typeof KINDS)[]).filter((kind) => faults[KINDS[kind]] !== false);
  if (kinds.length === 0) return [];
  const count = Math.floor(random() * (MAX_FAULTS + 1));
  const planned = Array.from({ length: count }, (_, index) => ({
    id: `f${index}`,
    kind: kinds[Math.floor(random() * kinds.length)] ?? 'cut',
    at: Math.floor(random() * duration),
    lasts: Math.ceil(LONGEST ** random()),
    delay: Math.ceil(MAX_DELAY ** random()),
  }));
  return planned.sort((one, other) => one.at - other.at);
}

/** Returns a fault as a clause. */
export function describeFault({ kind, lasts, delay }: PlannedFault): string {
  if (kind === 'crash') return 'the server crashes';
  if (kind === 'drop') return 'the connection is lost';
  if (kind === 'cut') return `the network is cut for ${lasts} ms`;
  return kind === 'lag' ? `frames take ${delay} ms longer for ${lasts} ms` : `frames vanish for ${lasts} ms`;
}
