import { readdirSync, readFileSync } from 'node:fs';

/** What the files beside this folder hold; README.md there explains it. */
export interface Item {
  readonly name: string;
  readonly section: string;
  /** The rows of the tables of that section that the item shows. */
  readonly rows?: readonly string[];
  readonly level: 'must' | 'should' | 'may';
}

export type Step = Readonly<Record<string, unknown>>;

export interface Script extends Item {
  /** How the implementation under test is set up. */
  readonly given?: Given;
  /** Values of variables: the script runs once with each. */
  /** Whether it is worth to be run over each kind of connection. */
  readonly everywhere?: boolean;
  readonly each?: readonly Readonly<Record<string, unknown>>[];
  readonly steps: readonly Step[];
}

export interface Given {
  readonly delivery?: 'at-most-once' | 'at-least-once' | 'exactly-once';
  readonly codecs?: readonly string[];
  readonly window?: number;
  readonly bytes?: number;
  readonly maxFrame?: number;
  readonly ping?: number;
  readonly handshake?: number;
  /** Whether the application processes nothing by itself. */
  readonly holds?: boolean;
  /** Whether the implementation stores what it needs after a restart. */
  readonly durable?: boolean;
  /** The tokens that the server knows: whose they are, and in how many ms they expire. `[]`: the server cannot check the token. */
  readonly tokens?: Readonly<Record<string, readonly [principal?: string, expires?: number]>>;
  /** How long the store of the implementation takes to read, in ms. */
  readonly slowStore?: number;
  /** How long it takes the server to find out who a client is, in ms. */
  readonly looks?: number;
  readonly hub?: boolean;
}

const FOLDER = 'spec/conformance';

/** Reads a file of the kit. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what the file holds
export function load<T>(file: string): T {
  return JSON.parse(readFileSync(`${FOLDER}/${file}`, 'utf8')) as T;
}

/** The JSON files of a folder. */
export function filesOf(folder = ''): readonly string[] {
  return readdirSync(`${FOLDER}/${folder}`)
    .filter((name) => name.endsWith('.json'))
    .map((name) => (folder ? `${folder}/${name}` : name));
}

const fragments = load<Readonly<Record<string, unknown>>>('fragments.json');

/** The scripts of a folder, each once for each of its `each`. */
export function scriptsOf(folder: string): readonly (readonly [name: string, script: Script, values: Values])[] {
  return filesOf(folder).flatMap((file) =>
    load<readonly Script[]>(file).flatMap((script) =>
      (script.each ?? [{}]).map((values) => {
        const named = Object.values(values).map((value) => JSON.stringify(value).slice(0, 60));
        return [[`${script.section}: ${script.name}`, ...named].join(', '), script, values] as const;
      }),
    ),
  );
}

/** The part that an implementation under test plays. */
export type Role = 'server' | 'client';

/** The steps of a script, with those of the fragments that it uses: some are different for each role. */
export function stepsOf(steps: readonly Step[], role: Role): readonly Step[] {
  return steps.flatMap((step) => {
    const { use } = step;
    if (use === undefined) return [step];
    const fragment = fragments[use as string] ?? fragments[`${use as string} on a ${role}`];
    if (!fragment) throw new Error(`no such fragment: ${use as string}`);
    return stepsOf(fragment as readonly Step[], role);
  });
}

/** The values of variables that a script does not set. */
const DEFAULTS: Values = { window: 1_024, bytes: 1_048_576, ping: 15_000, rx: 0 };

export function valuesOf({ given: { delivery = 'at-least-once' } = {} }: Script, values: Values): Values {
  return { ...DEFAULTS, delivery, ...values };
}

export type Values = Readonly<Record<string, unknown>>;

/** The fields of an object, with those of the fragment that it names as `...`; `null` stands for a field that is missing. */
export function fieldsOf(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { '...': base, ...own } = value;
  const all: Readonly<Record<string, unknown>> = base === undefined ? own : { ...(fragments[base as string] as object), ...own };
  return Object.fromEntries(Object.entries(all).filter(([, inner]) => inner !== null));
}
