import { map, type Observable, type Subscription, take, tap } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { createMessage } from '../../message/createMessage.js';
import { checkOptions } from '../../message/development.js';
import type { Message } from '../../message/types.js';
import { type Comparison, differences, explain, marksOf } from './marbleDifference.js';
import { failAt, inPipeline, placed, placeOf } from './failurePlace.js';
import type {
  MarbleContext,
  MarbleDiagram,
  MarbleEvent,
  MarbleLine,
  MarblePipeline,
  MarbleRecording,
  MarbleSpec,
  MarbleStrings,
  MarbleValues,
  MarbleWindow,
} from './marbleSpec.js';
import { testWire, type TestWire } from './testWire.js';
import { runVirtually } from './virtualTime.js';

/** No names: the inferred type of a spec without them. */
// eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type
type None = Readonly<Record<never, never>>;
type Test = (title: string, run: () => void) => unknown;

/** Set while {@link collectMarbles} loads a file. */
let collected: MarbleDiagram[] | undefined;

/**
 * Specifies the behaviour of a pipeline in time as a test. Registers the test with the runner's
 * global `it` or `test`. A runner without globals needs {@link runMarble} in a test.
 *
 *     source      -a-b-|
 *     expected    -A-B-|
 *
 * @param title The title of the test.
 * @param spec The source and inputs, and the expected result, outputs and subscriptions.
 * @param pipeline Receives the source, and by name the `time` in ms, the `inputs` as Observables,
 *   and a function for each of the `outputs`.
 * @throws {Error} At call time, if there is no global `it` or `test`.
 * @throws {Error} (in the test) If there is a difference: with both marbles on one time axis, and a
 *   description of each difference. Its stack begins at the call of `marble`.
 * @throws {TypeError} (in the test) If the spec has an unknown field, or one is missing.
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
  const place = placeOf(marble);
  const run = () => compare('marble', spec, pipeline as AnyPipeline, place);
  const { it, test } = globalThis as { it?: unknown; test?: unknown };
  const register = [it, test].find((candidate): candidate is Test => typeof candidate === 'function');
  if (collected) collected.push({ title, ...named(title, run, place) });
  else if (register) register(title, () => void run());
  else throw placed(new Error(`marble: there is no global "it" or "test" to register "${title}" with; call runMarble in a test`), place);
}

/** Adds the title to an error, for runs without a test runner. */
function named<T>(title: string, run: () => T, place: Error): T {
  try {
    return run();
  } catch (cause) {
    throw placed(new Error(`${title}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause }), place);
  }
}

/**
 * Runs a pipeline in virtual time, and compares it with the marbles. Needs no test runner.
 *
 * @returns The recording of the run, for drawing or further checks.
 * @throws {Error} If there is a difference: with both marbles and a description of each.
 * @throws {TypeError} If the spec has an unknown field, or one is missing.
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
  return compare('runMarble', spec, pipeline as AnyPipeline, placeOf(runMarble));
}

/**
 * Runs a pipeline in virtual time as {@link runMarble}, without a comparison: for a diagram.
 *
 * @param spec `outputs` and `received` name the lines to record. Their marbles have no meaning.
 * @throws {Error} If the marbles are invalid, or if the pipeline does not end.
 * @throws {TypeError} If the spec has an unknown field, or no source.
 * @example
 * import { map } from 'rxjs';
 * import { recordMarble, renderMarbles } from 'rxwire/testing';
 *
 * const recording = recordMarble({ source: '-a-b-|' }, (letters) =>
 *   letters.pipe(map((letter) => letter.toUpperCase())),
 * );
 * console.log(recording.end); // prints: 5
 * console.log(renderMarbles('shout', [{ title: 'shouts', ...recording }]).slice(0, 4)); // prints: <svg
 */
export function recordMarble<
  Source extends string,
  Values extends MarbleValues = None,
  Time extends MarbleStrings = None,
  const Inputs extends MarbleStrings = None,
  Outputs extends MarbleStrings = None,
>(
  spec: Omit<MarbleSpec<Source, Values, Time, Inputs, Outputs>, 'expected' | 'subs'>,
  pipeline: MarblePipeline<Source, Values, Time, Inputs, Outputs>,
): MarbleRecording {
  return failAt(placeOf(recordMarble), () => {
    checkSpec('recordMarble', spec, ['source']);
    return record({ ...spec, expected: '' }, pipeline as AnyPipeline).recording;
  });
}

/**
 * Runs the `marble` calls of a file while it is loaded, and returns their recordings.
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

/** The limits after the last marble, in ms and in emissions: a pipeline may be endless. */
const MAX_RUN_TIME = 3_600_000;
const MAX_EVENTS = 1_000;

type AnyContext = MarbleContext<MarbleValues, MarbleStrings, MarbleStrings, MarbleStrings>;
/** A pipeline without types: the compiler has checked the types of the caller. */
type AnyPipeline = (source: Observable<unknown>, context: AnyContext) => Observable<unknown>;

function compare(owner: string, spec: MarbleSpec, pipeline: AnyPipeline, place: Error): MarbleRecording {
  return failAt(place, () => {
    checkSpec(owner, spec, ['source', 'expected']);
    const { recording, comparisons } = record(spec, pipeline);
    const difference = explain(comparisons, recording.values, lettersOf(spec));
    if (difference !== undefined) throw new Error(`the marbles differ\n\n${difference}\n`);
    return recording;
  });
}

/** Returns all marbles of a spec, whose letters have a meaning. */
function lettersOf({ source, expected, server = '', received = '', inputs, outputs }: MarbleSpec): string {
  return [source, expected, server, received, ...Object.values({ ...inputs }), ...Object.values({ ...outputs })].join('');
}

/** In JavaScript, a misspelt field would compare nothing. @throws {TypeError} */
function checkSpec(owner: string, spec: object, required: readonly string[]): void {
  checkOptions(owner, spec);
  const missing = required.find((name) => (spec as Readonly<Record<string, unknown>>)[name] === undefined);
  if (missing !== undefined) throw new TypeError(`${owner}: "${missing}" must be marbles, got undefined`);
}

function record(spec: MarbleSpec, pipeline: AnyPipeline): { readonly recording: MarbleRecording; readonly comparisons: Comparison[] } {
  const { source, expected, subs, unsub = '^', values = {}, error, time = {}, inputs = {}, outputs = {}, operator } = spec;
  assertDistinct(['wire', 'connection', ...Object.keys(time), ...Object.keys(inputs), ...Object.keys(outputs)]);

  return runVirtually((scheduler, { cold, hot, flush }, close) => {
    const now = () => scheduler.frame;
    const open = (role: MarbleLine['role'], name: string, marbles: string) => {
      const isHot = marbles.includes('^');
      return watch((isHot ? hot : cold)(marbles, meaning(marbles, values), error), role, name, isHot, now);
    };
    const durations = mapValues(time, durationOf);
    const main = open('source', 'source', source);
    const further = mapValues(inputs, (marbles, name) => open('input', name, marbles));
    const noted = mapValues(outputs, () => [] as MarbleEvent[]);
    const openLine: OpenLine = (name, marbles, letters) => watch(hot(marbles, meaning(marbles, letters), error), 'input', name, true, now);
    let tested = hasConnection(spec) ? createTestedConnection(spec, openLine, now) : undefined;
    const connect = (): TestWire => (tested ??= createTestedConnection(spec, openLine, now)).test;
    const context = {
      ...durations,
      ...mapValues(further, ({ stream }) => stream),
      ...mapValues(noted, (events) => recorder(events, now).next),
      get connection() {
        return connect();
      },
      get wire() {
        return connect().wire;
      },
    } as AnyContext;

    const { link = '', server = '', received = '' } = spec;
    const last = Math.max(...[source, expected, link, server, received, ...Object.values(inputs), ...Object.values(outputs)].map(lengthOf));
    const window = parseWindow(unsub);
    const seen: MarbleEvent[] = [];
    subscribeWithin(scheduler, window, inPipeline(() => pipeline(main.stream, context)).pipe(take(MAX_EVENTS)), seen);
    scheduler.maxFrames = last + MAX_RUN_TIME;
    inPipeline(flush);
    withoutEvents([seen, ...Object.values(noted), ...(tested ? [tested.received] : [])], () => {
      // Closes the wires of the marble, which would continue for ever.
      close();
      flush();
    });
    assertEnded(scheduler, seen);

    const outputLines = Object.entries(noted).map(([name, events]) => line('output', name, events));
    const receivedLines = tested && spec.received !== undefined ? [line('output', 'received', tested.received)] : [];
    const ended = seen.find(({ kind }) => kind !== 'next')?.frame ?? Infinity;
    const result = { ...line('result', 'result', seen), windows: [{ from: window.from, to: Math.min(window.to, ended) }] };
    const inputLines = [...Object.values(further).map((input) => input.line()), ...(tested?.inputs() ?? [])];
    const lines = [main.line(), ...inputLines, ...outputLines, ...receivedLines, result];
    const expectedOf = (name: string) => parseEvents(outputs[name] ?? '', values, error);
    return {
      recording: {
        ...(operator !== undefined && { operator }),
        time: durations,
        values,
        lines,
        end: Math.max(...lines.flatMap((one) => framesOf(one, last))),
      },
      comparisons: [
        { name: 'result', actual: seen, expected: parseEvents(expected, values, error) },
        ...outputLines.map(({ name, events }) => ({ name, actual: events, expected: expectedOf(name) })),
        ...receivedLines.map(({ name, events }) => ({ name, actual: events, expected: parseEvents(received, values, error) })),
        ...(subs === undefined ? [] : compareWindows(main.line(), typeof subs === 'string' ? [subs] : subs)),
      ],
    };
  });
}

/** Runs the task, and removes from the logs what it has caused. */
function withoutEvents(logs: readonly MarbleEvent[][], task: () => void): void {
  const lengths = logs.map(({ length }) => length);
  task();
  logs.forEach((log, index) => log.splice(lengths[index] ?? 0));
}

function line(role: MarbleLine['role'], name: string, events: readonly MarbleEvent[]): MarbleLine {
  return { role, name, hot: false, events, windows: [] };
}

/** Returns the frames of all events. A subscription without an end lasts to the last marble. */
function framesOf({ events, windows }: MarbleLine, last: number): number[] {
  return [0, ...events.map(({ frame }) => frame), ...windows.flatMap(({ from, to }) => [from, to === Infinity ? last : to])];
}

function subscribeWithin(scheduler: TestScheduler, { from, to }: MarbleWindow, result: Observable<unknown>, seen: MarbleEvent[]) {
  let subscription: Subscription | undefined;
  scheduler.schedule(() => {
    subscription = result.subscribe(recorder(seen, () => scheduler.frame));
  }, from);
  if (to !== Infinity) scheduler.schedule(() => subscription?.unsubscribe(), to);
}

function assertEnded(scheduler: TestScheduler, seen: readonly MarbleEvent[]): void {
  const unended = seen.length > MAX_EVENTS ? `emitted ${MAX_EVENTS} times` : `still waiting ${MAX_RUN_TIME} ms after its last marble`;
  if (seen.length > MAX_EVENTS || scheduler.actions.length > 0)
    throw new Error(`the pipeline does not end: ${unended}; unsubscribe from it with "unsub"`);
}

function assertDistinct(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`"${twice}" is used more than once in "time", "inputs" and "outputs"`);
}

function compareWindows({ windows }: MarbleLine, subs: readonly string[]): Comparison[] {
  const expected = subs.map(parseWindow);
  return Array.from({ length: Math.max(windows.length, expected.length) }, (_, index) => {
    const [mine, theirs] = [windows[index], expected[index]];
    return { name: `subscription ${index + 1}`, actual: mine ? marksOf(mine) : [], expected: theirs ? marksOf(theirs) : [] };
  });
}

type OpenLine = (name: string, marbles: string, values: MarbleValues) => ReturnType<typeof watch>;

const LETTER = 'value';

const FAULTS: Readonly<Record<string, (test: TestWire) => void>> = {
  o: ({ restore }) => restore(),
  x: ({ cut }) => cut(),
  b: ({ blackhole }) => blackhole(),
  c: ({ crashServer }) => crashServer(),
  d: ({ drop }) => drop(),
};

/** Returns whether the spec has a network, whether or not the pipeline uses its wire. */
function hasConnection({ link, server, received, lag, wire }: MarbleSpec): boolean {
  return [link, server, received, lag, wire].some((field) => field !== undefined);
}

/**
 * Creates the wire of a marble, and the lines of its network.
 * @param open Opens a line, at once.
 * @throws {Error} If the network has a letter that means nothing.
 */
function createTestedConnection(spec: MarbleSpec, open: OpenLine, now: () => number) {
  const { link = '', server = '', lag, wire: options, values = {} } = spec;
  const letters = link.replaceAll(/[^a-z]/g, '');
  const unknown = Array.from(letters).find((letter) => !FAULTS[letter]);
  if (unknown !== undefined) throw new Error(`"link" may contain o, x, b, c and d, got ${unknown}`);
  const test = testWire({ isCut: letters.startsWith('o'), ...(lag !== undefined && { lag: durationOf(lag, 'lag') }), ...options });

  const network = link === '' ? undefined : open('link', link, {});
  const sent = server === '' ? undefined : open('server', server, values);
  network?.stream.subscribe((letter) => FAULTS[letter as string]?.(test));
  sent?.stream.subscribe((value) => test.server.next(isMessage(value) ? value : createMessage<string, unknown>(LETTER, value)));
  const received: MarbleEvent[] = [];
  test.server.received$.pipe(map((message) => letterOf(message, values))).subscribe(recorder(received, now).next);
  return {
    test,
    received,
    /** The network, and the messages that the server has sent. */
    inputs: (): readonly MarbleLine[] => [network, sent].flatMap((one) => (one ? [one.line()] : [])),
  };
}

/** Returns the payload of a letter, the value of a letter that the message copies, or itself. */
function letterOf(message: Message, values: MarbleValues): unknown {
  if (message.type === LETTER) return message.payload;
  return Object.values(values).find((value) => isMessage(value) && isCopy(message, value)) ?? message;
}

/** The wire has set the source of a message that had none. */
function isCopy(message: Message, original: Message): boolean {
  return message.id === original.id && differences(message, { ...original, source: original.source || message.source }).length === 0;
}

function isMessage(value: unknown): value is Message {
  const { id, type } = Object(value) as Partial<Message>;
  return typeof id === 'string' && typeof type === 'string';
}

type TestMessages = ReturnType<typeof TestScheduler.parseMarbles>;
type SubscriptionLog = ReturnType<typeof TestScheduler.parseMarblesAsSubscriptions>;

/** The streams that RxJS's `hot` and `cold` create. */
type TestStream = Observable<unknown> & { readonly messages: TestMessages; readonly subscriptions: readonly SubscriptionLog[] };

/** Returns the values of all letters: RxJS would emit `undefined` for a letter without one. */
function meaning(marbles: string, values: MarbleValues): Record<string, unknown> {
  return { ...Object.fromEntries(Array.from(marbles, (letter) => [letter, letter])), ...values };
}

function parseEvents(marbles: string, values: MarbleValues, error: unknown): MarbleEvent[] {
  return toEvents(TestScheduler.parseMarbles(marbles, meaning(marbles, values), error, false, true));
}

/** Returns the window of a subscription; without a `^`, it starts at 0. */
function parseWindow(marbles: string): MarbleWindow {
  const { from, to } = toWindow(TestScheduler.parseMarblesAsSubscriptions(marbles, true));
  return { from: from === Infinity ? 0 : from, to };
}

function toEvents(messages: TestMessages): MarbleEvent[] {
  return messages.map(({ frame, notification }) => {
    if (notification.kind === 'N') return { frame, kind: 'next', value: notification.value as unknown };
    return notification.kind === 'E' ? { frame, kind: 'error', value: notification.error as unknown } : { frame, kind: 'complete' };
  });
}

function toWindow({ subscribedFrame, unsubscribedFrame }: SubscriptionLog): MarbleWindow {
  return { from: subscribedFrame, to: unsubscribedFrame };
}

/** Returns the last frame of a string of marbles: that of its end, or of its last character. */
function lengthOf(marbles: string): number {
  const end = parseEvents(marbles, {}, undefined).find(({ kind }) => kind !== 'next') ?? parseEvents(`${marbles}|`, {}, undefined).at(-1);
  return end?.frame ?? 0;
}

function durationOf(marbles: string, name: string): number {
  if (!marbles.trimEnd().endsWith('|')) throw new Error(`time "${name}" must end in "|", got ${JSON.stringify(marbles)}`);
  return lengthOf(marbles);
}

function recorder(events: MarbleEvent[], now: () => number) {
  const note = (kind: MarbleEvent['kind']) => (value?: unknown) => void events.push({ frame: now(), kind, value });
  return { next: note('next'), error: note('error'), complete: note('complete') };
}

function watch(test: TestStream, role: MarbleLine['role'], name: string, hot: boolean, now: () => number) {
  const emitted: MarbleEvent[] = [];
  const got = ({ frame, kind, value }: MarbleEvent) =>
    emitted.some((event) => event.frame === frame && event.kind === kind && Object.is(event.value, value));
  const all = () => toEvents(test.messages).map((event) => (got(event) ? event : { ...event, missed: true }));
  const line = (): MarbleLine => ({ role, name, hot, events: hot ? all() : emitted, windows: test.subscriptions.map(toWindow) });
  return { stream: test.pipe(tap(recorder(emitted, now))), line };
}

function mapValues<In, Out>(object: Readonly<Record<string, In>>, project: (value: In, name: string) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, project(value, name)]));
}
