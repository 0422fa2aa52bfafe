import { textOf } from '../errors/rxwireError.js';
import type { SimulationEvent } from './simulationWorld.js';

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

/** Returns the text of an error, and of its causes. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${textOf(error)}: ${reasonOf(error.cause)}`;
}
