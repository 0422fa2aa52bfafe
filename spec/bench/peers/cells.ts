import { type Column, type Figure, type Goal, type Measured, type Row, type Table, type Unit } from './results.js';

/** A number of up to three digits that matter. */
export function short(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en');
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

const scales: Readonly<Record<Unit, (value: number) => readonly [divisor: number, unit: string]>> = {
  'per second': (value) => (value >= 1e6 ? [1e6, ' M/s'] : value >= 1e3 ? [1e3, ' k/s'] : [1, ' /s']),
  µs: (value) => (value >= 1e4 ? [1e3, ' ms'] : [1, ' µs']),
  ms: (value) => (value >= 1e4 ? [1e3, ' s'] : [1, ' ms']),
  bytes: () => [1_024, ' KiB'],
  messages: () => [1, ''],
  percent: () => [1, ' %'],
  times: () => [1, ' ×'],
};

const number = (value: number | null, unit: Unit, divisor: number): string => {
  // What never happened is no number in JSON.
  if (value === null || !Number.isFinite(value)) return 'never';
  return unit === 'messages' ? value.toLocaleString('en') : short(value / divisor);
};

/** A value with its unit. */
export function show(value: number | null, unit: Unit): string {
  const [divisor, name] = scales[unit](value ?? 0);
  const text = number(value, unit, divisor);
  return text === 'never' ? text : `${text}${name}`;
}

/** The median, and the extremes where they differ. */
export function showFigure({ median, min, max }: Figure, unit: Unit): string {
  const [divisor] = scales[unit](median);
  const range = min === max ? '' : ` (${number(min, unit, divisor)} – ${number(max, unit, divisor)})`;
  return `${show(median, unit)}${range}`;
}

/** A table as texts, with its head. */
export interface Cells {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const RATIO = 'ratio';

/** Each column with its ratio, if the table compares. */
function cellsOf({ figures, ratios, reason }: Row, columns: readonly Column[], compares: boolean): readonly string[] {
  return columns.flatMap(({ key, unit, isCompared = true }, index) => {
    const figure = figures[key];
    const ratio = ratios[key];
    const missing = index === 0 && reason !== undefined ? `not measured: ${reason}` : '';
    return [figure ? showFigure(figure, unit) : missing, ...(compares && isCompared ? [ratio ? `${short(ratio.median)} ×` : ''] : [])];
  });
}

export function cellsOfTable(table: Table): Cells {
  const compares = table.baseline !== '';
  const head = ['', ...table.columns.flatMap(({ title, isCompared = true }) => (compares && isCompared ? [title, RATIO] : [title]))];
  return {
    title: compares ? `${table.title} (ratio: to ${table.baseline})` : table.title,
    head,
    rows: table.rows.map((row) => [row.side, ...cellsOf(row, table.columns, compares)]),
  };
}

export const isReached = ({ value, goal, isCost }: Goal): boolean => (isCost ? value.median <= goal : value.median >= goal);

export function cellsOfGoals(measures: readonly Measured[]): Cells {
  const goals = measures.flatMap((measure) => measure.goals);
  const rows = goals.map((goal) => {
    const unit = goal.unit ?? 'times';
    return [
      goal.title,
      showFigure(goal.value, unit),
      `${goal.isCost ? '≤' : '≥'} ${show(goal.goal, unit)}`,
      isReached(goal) ? 'yes' : 'no',
    ];
  });
  return { title: 'Goals', head: ['', 'measured', 'goal', 'reached'], rows };
}

/** A table for the console. */
export function consoleTable({ title, head, rows }: Cells): string {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (isReason(row[column]) ? 0 : (row[column] ?? '').length))),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [title, '', line(head), '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)), ...rows.map(line)].join('\n');
}

const isReason = (cell = ''): boolean => cell.startsWith('not measured');

/** A table for the page. */
export function markdownTable({ head, rows }: Cells): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(head),
    `|---|${head
      .slice(1)
      .map(() => '---:|')
      .join('')}`,
    ...rows.map(line),
  ].join('\n');
}
