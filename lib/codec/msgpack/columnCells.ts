/**
 * The values of one field in a batch: an array with one value for each message, or one value for
 * all.
 */
export type Column = readonly unknown[] | Cell;

/** Values that may be shared: no mutable objects. */
type Cell = string | number | boolean | bigint | null | undefined;

export function columnOf(cells: readonly unknown[]): Column {
  const first = cells[0];
  if (typeof first === 'object' && first !== null) return cells;
  for (let index = 1; index < cells.length; index++) if (cells[index] !== first) return cells;
  return first as Cell;
}

/** Returns whether a value can be a column of `count` messages. */
export function isColumn(value: unknown, count: number): value is Column {
  return Array.isArray(value) ? value.length === count : typeof value !== 'object' || value === null;
}

export function cellOf(column: unknown, index: number): unknown {
  return Array.isArray(column) ? column[index] : column;
}
