import type { Observable } from 'rxjs';

/** The values of the letters in marbles. */
export type MarbleValues = Readonly<Record<string, unknown>>;
/** Marbles by name. */
export type MarbleStrings = Readonly<Record<string, string>>;

type Syntax = ' ' | '-' | '|' | '#' | '^' | '!' | '(' | ')';
/** With `values`, these characters are part of a time such as `1.5ms`, unless they are a letter of `values`. */
type TimeSyntax = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9' | '.' | 'm' | 's';

/** The type of the values that a string of marbles emits: the values of its letters, and `string` for letters without a value. */
export type MarbleValue<Marbles extends string, Values> = [keyof Values] extends [never]
  ? string
  : string extends Marbles
    ? Values[keyof Values]
    : Letters<Marbles, Values>;

type Letters<Marbles, Values, Found = never> = Marbles extends `${infer Letter}${infer Rest}`
  ? Letters<
      Rest,
      Values,
      Found | (Letter extends keyof Values ? Values[Letter] : Letter extends Syntax ? never : Letter extends TimeSyntax ? never : string)
    >
  : Found;

/**
 * The source and inputs of a pipeline, and the expected behaviour. The marbles are those of RxJS: `-` is 1 ms, a letter a value, `(ab)`
 * simultaneous values, `|` the completion, `#` the error, ` 20ms ` a duration, `^` a subscription, `!` an unsubscription.
 */
export interface MarbleSpec<
  Source extends string = string,
  Values extends MarbleValues = MarbleValues,
  Time extends MarbleStrings = MarbleStrings,
  Inputs extends MarbleStrings = MarbleStrings,
  Outputs extends MarbleStrings = MarbleStrings,
> {
  /** The marbles of the source. It is cold, with times from its subscription; hot if it has a `^`. */
  readonly source: Source;
  /** The marbles that the pipeline must emit. */
  readonly expected: string;
  /** The expected subscriptions to the source and their ends: one window for each subscription, in order. @default not asserted */
  readonly subs?: string | readonly string[];
  /** The time at which the test unsubscribes from the result. @default never */
  readonly unsub?: string;
  /** The values of letters, on every line. A letter without a value stands for itself. */
  readonly values?: Values;
  /** The value of `#`, on every line. @default 'error' */
  readonly error?: unknown;
  /** Durations, as marbles up to a `|`; the pipeline receives them in ms. */
  readonly time?: Time;
  /** Further streams for the pipeline, cold or hot like the source. */
  readonly inputs?: Inputs;
  /** The values that the pipeline must pass to each of these functions, which it receives by name. */
  readonly outputs?: Outputs;
  /** The label of the operator in the diagram. @default the name of the file, and `time` */
  readonly operator?: string;
}

/** The second argument of a pipeline: `time` in ms, `inputs` as Observables, `outputs` as functions that record their arguments. */
export type MarbleContext<Values, Time, Inputs, Outputs> = { readonly [Name in keyof Time]: number } & {
  readonly [Name in keyof Inputs]: Observable<MarbleValue<Extract<Inputs[Name], string>, Values>>;
} & { readonly [Name in keyof Outputs]: (value: unknown) => void };

/** The pipeline under test. */
export type MarblePipeline<Source extends string, Values, Time, Inputs, Outputs> = (
  source: Observable<MarbleValue<Source, Values>>,
  context: MarbleContext<Values, Time, Inputs, Outputs>,
) => Observable<unknown>;

/** One notification, at a frame of virtual time (1 ms). */
export interface MarbleEvent {
  readonly frame: number;
  readonly kind: 'next' | 'error' | 'complete';
  /** The value, or the error. */
  readonly value?: unknown;
  /** Whether a hot stream had no subscriber at that time. */
  readonly missed?: boolean;
}

/** The time from a subscription to its end (`Infinity`: never). */
export interface MarbleWindow {
  readonly from: number;
  readonly to: number;
}

/** A recorded stream. */
export interface MarbleLine {
  readonly role: 'source' | 'input' | 'output' | 'result';
  readonly name: string;
  readonly hot: boolean;
  readonly events: readonly MarbleEvent[];
  readonly windows: readonly MarbleWindow[];
}

/** The recording of one run, from which diagrams are drawn. */
export interface MarbleRecording {
  readonly operator?: string;
  /** The durations, in ms. */
  readonly time: Readonly<Record<string, number>>;
  readonly values: MarbleValues;
  /** The source, the inputs, the outputs, the result. */
  readonly lines: readonly MarbleLine[];
  /** The frame at which all streams have ended; if one continues, the frame of the last marble. */
  readonly end: number;
}

/** A recording with a title: the result of one call of `marble`. */
export interface MarbleDiagram extends MarbleRecording {
  readonly title: string;
}
