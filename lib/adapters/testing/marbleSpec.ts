import type { Observable } from 'rxjs';
import type { Wire } from '../../wire/wire.js';
import type { TestWire, TestWireOptions } from './testWire.js';

/** The values of the letters in marbles. */
export type MarbleValues = Readonly<Record<string, unknown>>;
/** Marbles by name. */
export type MarbleStrings = Readonly<Record<string, string>>;

type Syntax = ' ' | '-' | '|' | '#' | '^' | '!' | '(' | ')';
/** A time in marbles, as ` 1.5s `: what is between two spaces, or between the start and a space. */
type Time = `${number}${'ms' | 's' | 'm'}`;

/** The type of the emitted values: those of the letters, and `string` for other letters. */
export type MarbleValue<Marbles extends string, Values> = [keyof Values] extends [never]
  ? string
  : string extends Marbles
    ? Values[keyof Values]
    : Letters<Marbles, Values>;

/** The types of the values of the letters between two spaces, unless they are a time. */
type Letters<Marbles extends string, Values, Found = never> = Marbles extends `${infer Part} ${infer Rest}`
  ? Letters<Rest, Values, Found | (Part extends Time ? never : ValuesOf<Part, Values>)>
  : Found | ValuesOf<Marbles, Values>;

type ValuesOf<Part, Values, Found = never> = Part extends `${infer Letter}${infer Rest}`
  ? ValuesOf<Rest, Values, Found | (Letter extends keyof Values ? Values[Letter] : Letter extends Syntax ? never : string)>
  : Found;

/**
 * The source and inputs of a pipeline, and the expected behaviour. The marbles are those of RxJS:
 * `-` is 1 ms, a letter a value, `(ab)` simultaneous values, `|` the completion, `#` the error,
 * ` 20ms ` a duration, `^` a subscription, `!` an unsubscription.
 */
export interface MarbleSpec<
  Source extends string = string,
  Values extends MarbleValues = MarbleValues,
  Time extends MarbleStrings = MarbleStrings,
  Inputs extends MarbleStrings = MarbleStrings,
  Outputs extends MarbleStrings = MarbleStrings,
> {
  /** The marbles of the source: cold, with times from its subscription; hot if it has a `^`. */
  readonly source: Source;
  /** The marbles that the pipeline must emit. */
  readonly expected: string;
  /** The expected subscriptions to the source, one window for each. @default not asserted */
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
  /** The values that the pipeline must pass to each of these functions, by name. */
  readonly outputs?: Outputs;
  /**
   * The network between `wire` and its server: `o` opens it, `x` cuts it, `b` turns it into a black
   * hole, `c` crashes the server, and `d` loses the connection, while another one can open at once.
   * The network is cut at first if the first letter is `o`.
   * @default it is open
   */
  readonly link?: string;
  /** How long a frame takes in each direction, as marbles up to a `|`. @default no time */
  readonly lag?: string;
  /**
   * The messages that the server sends. A letter whose value is no message stands for a message of
   * the type `value` with that payload.
   */
  readonly server?: string;
  /** The messages that the server must receive, in the same way. @default not asserted */
  readonly received?: string;
  /** Options of the wire and its server. */
  readonly wire?: TestWireOptions;
  /** The label of the operator in the diagram. @default the name of the file, and `time` */
  readonly operator?: string;
}

/** The ends of the network of a marble, which are created when the pipeline reads them. */
export interface MarbleConnection {
  /** The wire of the client. */
  readonly wire: Wire;
  /** The whole of {@link testWire}, as its server. */
  readonly connection: TestWire;
}

/**
 * The second argument of a pipeline: the `wire` to a server, `time` in ms, `inputs` as Observables,
 * `outputs` as functions that record their arguments.
 */
export type MarbleContext<Values, Time, Inputs, Outputs> = MarbleConnection & { readonly [Name in keyof Time]: number } & {
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
