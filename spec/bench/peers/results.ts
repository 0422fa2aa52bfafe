import { median } from '../bench.js';

/** The median of all rounds, and the extremes. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The unit of a figure in the JSON; tables and charts choose a prefix. */
export type Unit = 'per second' | 'µs' | 'ms' | 'bytes' | 'messages' | 'percent' | 'times';

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly unit: Unit;
  /** Whether less is better. */
  readonly isCost: boolean;
  /** Whether the table shows the ratio to the row that it compares with. @default true */
  readonly isCompared?: boolean;
  /** The title of its chart. @default none */
  readonly chart?: string;
}

/** A row is a peer with its settings. */
export interface Row {
  readonly side: string;
  /** By the keys of the columns. */
  readonly figures: Readonly<Record<string, Figure>>;
  /** The figures, divided by those of the row that the table compares with, round by round. */
  readonly ratios: Readonly<Record<string, Figure>>;
  /** Why it was not measured. */
  readonly reason?: string;
}

export interface Table {
  readonly key: string;
  readonly title: string;
  /** The row that ratios compare with: a name, or the row before. */
  readonly baseline: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** A ratio that rxwire is to reach. */
export interface Goal {
  readonly title: string;
  readonly value: Figure;
  readonly goal: number;
  /** The unit of both; without one they are ratios. */
  readonly unit?: Unit;
  readonly isCost: boolean;
}

export interface Measured {
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory: number;
  readonly system: string;
  readonly node: string;
}

/** All that one run has found. */
export interface Results {
  readonly date: string;
  readonly isQuick: boolean;
  /** How long the run took. */
  readonly seconds: number;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly measures: Readonly<Record<string, Measured & { readonly seconds: number }>>;
}

/** The figures of one round. */
export type Round = Readonly<Record<string, number>>;

/** What the rounds of one side gave. A side that failed has no figures. */
export interface Outcome {
  readonly rounds: readonly Round[];
  readonly reason?: string;
}

export type Outcomes = Readonly<Record<string, Outcome>>;

export function figureOf(values: readonly number[]): Figure {
  return { median: round(median(values)), min: round(Math.min(...values)), max: round(Math.max(...values)) };
}

/** Four digits are more than a benchmark knows. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** The ratios of two sides, round by round. */
export function ratioOf(ours: Outcome | undefined, theirs: Outcome | undefined, key: string): Figure | undefined {
  const ratios = (ours?.rounds ?? []).map((own, index) => (own[key] ?? NaN) / (theirs?.rounds[index]?.[key] ?? NaN));
  const known = ratios.filter(Number.isFinite);
  return known.length > 0 ? figureOf(known) : undefined;
}

/** The word for a table in which each row is compared with the row before. */
export const STEP_BEFORE = 'the row before';

export function tableOf({ outcomes, ...table }: Omit<Table, 'rows'> & { readonly outcomes: Outcomes }): Table {
  const { baseline, columns } = table;
  const sides = Object.keys(outcomes);
  const rows = sides.map((side, index): Row => {
    const { rounds, reason } = outcomes[side]!;
    const other = baseline === STEP_BEFORE ? sides[index - 1] : baseline;
    const entries = (valueOf: (key: string) => Figure | undefined): Record<string, Figure> =>
      Object.fromEntries(
        columns.flatMap(({ key }) => {
          const value = valueOf(key);
          return value ? [[key, value]] : [];
        }),
      );
    const valuesOf = (key: string): readonly number[] => rounds.map((values) => values[key] ?? NaN).filter(Number.isFinite);
    return {
      side,
      figures: entries((key) => (valuesOf(key).length > 0 ? figureOf(valuesOf(key)) : undefined)),
      ratios: other === undefined || other === side ? {} : entries((key) => ratioOf(outcomes[side], outcomes[other], key)),
      ...(reason !== undefined && { reason }),
    };
  });
  return { ...table, rows };
}

/** Goals for ratios of a side to another; without figures there is no goal. */
export function goalsOf(outcomes: Outcomes, goals: readonly RatioGoal[]): readonly Goal[] {
  return goals.flatMap(({ title, side, baseline, key, goal, isCost }) => {
    const value = ratioOf(outcomes[side], outcomes[baseline], key);
    return value ? [{ title, value, goal, isCost }] : [];
  });
}

export interface RatioGoal {
  readonly title: string;
  readonly side: string;
  readonly baseline: string;
  readonly key: string;
  readonly goal: number;
  readonly isCost: boolean;
}
