import type { MarblePipeline, MarbleRecording, MarbleSpec, MarbleStrings, MarbleValues } from './marbleSpec.js';
import { record, type AnyPipeline } from './marbleRun.js';
import { explain } from './marbleText.js';

type None = Readonly<Record<never, never>>;
type Test = (title: string, run: () => void) => unknown;

/** A titled recording: what one call of `marble` shows. */
export interface MarbleDiagram extends MarbleRecording {
  readonly title: string;
}

/** Set while {@link collectMarbles} loads a file. */
let collected: MarbleDiagram[] | undefined;

/**
 * States what a pipeline does in time, as a test: registered with the runner's global `it` or `test`, run at once where there is none.
 *
 *     source      -a-b-|
 *     expected    -A-B-|
 *
 * @param title What is true of the pipeline.
 * @param spec What goes in, and what must come out: the result, its outputs, the subscriptions to the source.
 * @param pipeline Gets the source, and by name the `time` in ms, the `inputs` as Observables, and a function for each of the `outputs`.
 * @throws {Error} (in the test) If anything differs: both marbles drawn on one axis of time, and each difference said.
 * @example
 * marble('shouts', { source: '-a-b-|', expected: '-A-B-|' }, (letters) => letters.pipe(map((letter) => letter.toUpperCase())));
 */
export function marble<
  Source extends string,
  Values extends MarbleValues = None,
  Time extends MarbleStrings = None,
  Inputs extends MarbleStrings = None,
  Outputs extends MarbleStrings = None,
>(
  title: string,
  spec: MarbleSpec<Source, Values, Time, Inputs, Outputs>,
  pipeline: MarblePipeline<Source, Values, Time, Inputs, Outputs>,
): void {
  const run = () => runMarble(spec, pipeline);
  if (collected) {
    collected.push({ title, ...run() });
    return;
  }
  const { it, test = it } = globalThis as { it?: Test; test?: Test };
  if (test) test(title, () => void run());
  else run();
}

/**
 * Runs a pipeline in virtual time and compares what it did with its marbles: for any test runner, or none.
 *
 * @returns What was seen, to draw it or to look further.
 * @throws {Error} If anything differs: both marbles drawn on one axis of time, and each difference said.
 * @example
 * runMarble({ source: '-a-b-|', expected: '-A-B-|' }, (letters) => letters.pipe(map((letter) => letter.toUpperCase())));
 */
export function runMarble<
  Source extends string,
  Values extends MarbleValues = None,
  Time extends MarbleStrings = None,
  Inputs extends MarbleStrings = None,
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
 * Runs the marbles that a file states while it is loaded, instead of registering them as tests.
 *
 * @example
 * const diagrams = await collectMarbles(() => import('./marbles/dedupe.js'));
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
