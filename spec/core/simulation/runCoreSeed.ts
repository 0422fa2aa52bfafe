import { simulateCore } from './simulateCore.js';
import { simulateStores } from './simulateStores.js';

/** The result of one seed of the core. */
export interface CoreOutcome {
  readonly seed: number;
  readonly violation: { readonly invariant: 'core'; readonly detail: string } | undefined;
  readonly messages: number;
  readonly cuts: number;
  readonly crashes: number;
  /** How often each outcome of a message came. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** The simulation of a seed: an odd seed runs without stores, an even one with stores. */
export const simulationOf = (seed: number) => (seed % 2 ? simulateCore : simulateStores);

/** Runs one seed of the core. */
export function runCoreSeed(seed: number, trace?: (line: string) => void): CoreOutcome {
  try {
    const { messages, cuts, crashes, outcomes } = simulationOf(seed)(seed, trace);
    return { seed, violation: undefined, messages, cuts, crashes, outcomes: Object.fromEntries(outcomes) };
  } catch (error) {
    const { message, stack = message } = error as Error;
    // A broken promise is a sentence; any other error is a fault whose place matters.
    const detail = error instanceof TypeError || error instanceof RangeError ? stack : message;
    return { seed, violation: { invariant: 'core', detail }, messages: 0, cuts: 0, crashes: 0, outcomes: {} };
  }
}
