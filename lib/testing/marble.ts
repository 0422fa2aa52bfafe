import type { MarbleDiagram, MarblePipeline, MarbleRecording, MarbleSpec, MarbleStrings, MarbleValues } from './marbleSpec.js';
import { record, type AnyPipeline } from './marbleRun.js';
import { explain } from './marbleDifference.js';

/** No names: the inferred type of a spec without them. */
// eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type
type None = Readonly<Record<never, never>>;
type Test = (title: string, run: () => void) => unknown;

/** Set while {@link collectMarbles} loads a file. */
let collected: MarbleDiagram[] | undefined;

/**
 * Specifies the behaviour of a pipeline in time as a test. Registers the test with the runner's
 * global `it` or `test`; runs it at once if there is none.
 *
 *     source      -a-b-|
 *     expected    -A-B-|
 *
 * @param title The title of the test.
 * @param spec The source and inputs, and the expected result, outputs and subscriptions to the
 *   source.
 * @param pipeline Receives the source, and by name the `time` in ms, the `inputs` as Observables,
 *   and a function for each of the `outputs`.
 * @throws {Error} (in the test) If there is a difference: with both marbles on one time axis, and a
 *   description of each difference.
 * @example
 * import { map } from 'rxjs';
 * import { marble } from 'rxwire/testing';
 *
 * marble('shouts', { source: '-a-b-|', expected: '-A-B-|' }, (letters) =>
 *   letters.pipe(map((letter) => letter.toUpperCase())),
 * );
 */
export function marble<
  Source extends string,
  Values extends MarbleValues = None,
  Time extends MarbleStrings = None,
  const Inputs extends MarbleStrings = None,
  Outputs extends MarbleStrings = None,
>(
  title: string,
  spec: MarbleSpec<Source, Values, Time, Inputs, Outputs>,
  pipeline: MarblePipeline<Source, Values, Time, Inputs, Outputs>,
): void {
  const run = () => runMarble(spec, pipeline);
  const { it, test } = globalThis as { it?: unknown; test?: unknown };
  const register = [it, test].find((candidate): candidate is Test => typeof candidate === 'function');
  if (collected) collected.push({ title, ...named(title, run) });
  else if (register) register(title, () => void run());
  else named(title, run);
}

/** Adds the title to an error, for runs without a test runner. */
function named<T>(title: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new Error(`${title}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/**
 * Runs a pipeline in virtual time and compares its behaviour with the marbles. Works with any test
 * runner, or none.
 *
 * @returns The recording of the run, for drawing or further checks.
 * @throws {Error} If there is a difference: with both marbles on one time axis, and a description
 *   of each difference.
 * @example
 * import { map } from 'rxjs';
 * import { runMarble } from 'rxwire/testing';
 *
 * runMarble({ source: '-a-b-|', expected: '-A-B-|' }, (letters) =>
 *   letters.pipe(map((letter) => letter.toUpperCase())),
 * );
 */
export function runMarble<
  Source extends string,
  Values extends MarbleValues = None,
  Time extends MarbleStrings = None,
  const Inputs extends MarbleStrings = None,
  Outputs extends MarbleStrings = None,
>(
  spec: MarbleSpec<Source, Values, Time, Inputs, Outputs>,
  pipeline: MarblePipeline<Source, Values, Time, Inputs, Outputs>,
): MarbleRecording {
  const { recording, comparisons } = record(spec, pipeline as AnyPipeline);
  const difference = explain(comparisons, recording.values);
  if (difference !== undefined) throw new Error(`the marbles differ\n\n${difference}\n`);
  return recording;
}

/**
 * Runs the `marble` calls of a file while it is loaded, instead of registering tests. Returns their
 * recordings.
 *
 * @example
 * import { map } from 'rxjs';
 * import { collectMarbles, marble } from 'rxwire/testing';
 *
 * const diagrams = await collectMarbles(async () => {
 *   marble('shouts', { source: '-a-b-|', expected: '-A-B-|' }, (letters) =>
 *     letters.pipe(map((letter) => letter.toUpperCase())),
 *   );
 * });
 * console.log(diagrams.map(({ title }) => title)); // prints: [ 'shouts' ]
 */
export async function collectMarbles(load: () => Promise<unknown>): Promise<readonly MarbleDiagram[]> {
  const diagrams: MarbleDiagram[] = [];
  collected = diagrams;
  try {
    await load();
  } finally {
    collected = undefined;
  }
  return diagrams;
}
