/** What each message of a batch has in one place: a list with a cell for each, or one cell that is that of all. */
export type Column = readonly unknown[] | Cell;

/** What may be that of all: nothing that could be changed through one of them. */
type Cell = string | number | boolean | bigint | null | undefined;

export function columnOf(cells: readonly unknown[]): Column {
  const first = cells[0];
  if (typeof first === 'object' && first !== null) return cells;
  for (let index = 1; index < cells.length; index++) if (cells[index] !== first) return cells;
  return first as Cell;
}

/** Whether it can be a column for so many. */
export function isColumn(value: unknown, count: number): value is Column {
  return Array.isArray(value) ? value.length === count : typeof value !== 'object' || value === null;
}

export function cellOf(column: unknown, index: number): unknown {
  return Array.isArray(column) ? column[index] : column;
}
