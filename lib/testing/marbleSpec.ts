import type { Observable } from 'rxjs';

/** What the letters of the marbles stand for. */
export type MarbleValues = Readonly<Record<string, unknown>>;
/** Marbles by name. */
export type MarbleStrings = Readonly<Record<string, string>>;

type Syntax = ' ' | '-' | '|' | '#' | '^' | '!' | '(' | ')';
/** With `values`, these are read as part of a time such as `1.5ms`, unless they are a letter of `values`. */
type TimeSyntax = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9' | '.' | 'm' | 's';

/** The type of the values that a string of marbles emits: those its letters stand for, and `string` for letters that have no value. */
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
 * What goes into a pipeline, and what must come out of it. Marbles are RxJS's: `-` is 1 ms, a letter a value, `(ab)` values of one instant, `|` the
 * completion, `#` the error, ` 20ms ` a time that passes, `^` a subscription, `!` an unsubscription.
 */
export interface MarbleSpec<
  Source extends string = string,
  Values extends MarbleValues = MarbleValues,
  Time extends MarbleStrings = MarbleStrings,
  Inputs extends MarbleStrings = MarbleStrings,
  Outputs extends MarbleStrings = MarbleStrings,
> {
  /** What the source emits. Cold, counted from its subscription; hot, if it has a `^`. */
  readonly source: Source;
  /** What the pipeline must emit. */
  readonly expected: string;
  /** When the source must be subscribed to and unsubscribed from: one window for each subscription, in order. @default not asserted */
  readonly subs?: string | readonly string[];
  /** When the result is unsubscribed from. @default never */
  readonly unsub?: string;
  /** What letters stand for, on every line. A letter without a value stands for itself. */
  readonly values?: Values;
  /** What `#` stands for, on every line. @default 'error' */
  readonly error?: unknown;
  /** Durations, as marbles up to a `|`; the pipeline gets them in ms. */
  readonly time?: Time;
  /** Further streams that the pipeline gets, cold or hot like the source. */
  readonly inputs?: Inputs;
  /** What the pipeline must have passed to each of these functions, which it gets by name. */
  readonly outputs?: Outputs;
  /** The label of the operator in the picture. @default the name of the file, and `time` */
  readonly operator?: string;
}

/** What a pipeline gets beside its source: `time` in ms, `inputs` as Observables, `outputs` as functions that record what they are given. */
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
  /** Of a hot stream: nobody was subscribed. */
  readonly missed?: boolean;
}

/** From the subscription to the unsubscription (`Infinity`: never). */
export interface MarbleWindow {
  readonly from: number;
  readonly to: number;
}

/** A stream as it was seen in virtual time. */
export interface MarbleLine {
  readonly role: 'source' | 'input' | 'output' | 'result';
  readonly name: string;
  readonly hot: boolean;
  readonly events: readonly MarbleEvent[];
  readonly windows: readonly MarbleWindow[];
}

/** All that was seen in one run: what pictures are drawn from. */
export interface MarbleRecording {
  readonly operator?: string;
  /** The durations, in ms. */
  readonly time: Readonly<Record<string, number>>;
  readonly values: MarbleValues;
  /** The source, the inputs, the outputs, the result. */
  readonly lines: readonly MarbleLine[];
  /** The frame at which all has ended; where something goes on, the one that the marbles reach. */
  readonly end: number;
}

/** A recording with a title: what one call of `marble` has shown. */
export interface MarbleDiagram extends MarbleRecording {
  readonly title: string;
}
