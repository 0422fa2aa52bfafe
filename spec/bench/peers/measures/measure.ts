import type { Progress } from '../progress.js';
import type { Measured } from '../results.js';
import type { Settings } from '../settings.js';

/** A measure reports its steps, and returns its tables. */
export interface Measure {
  /** How long it takes on two cores, in s: in full, and with `--quick`. */
  readonly estimate: readonly [full: number, quick: number];
  run(settings: Settings, begin: (steps: number) => Progress): Promise<Measured>;
}
