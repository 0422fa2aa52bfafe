type Shape = readonly string[];

/** More shapes in a batch would cost more searching than they save. */
const MAX_SHAPES = 16;
const MAX_FIELDS = 32;

/**
 * Returns payloads as a column with the index of each payload's shape (`null` for none), the
 * shapes, the columns of the first shape, then those of the second …, and the other payloads.
 *
 * @param maxFields The maximum number of fields to encode as columns.
 */
export function toPayloadColumns(payloads: readonly unknown[], maxFields: number): readonly unknown[] {
  const shapes: Shape[] = [];
  const fields: unknown[][][] = [];
  const others: unknown[] = [];
  let left = maxFields;
  const which = payloads.map((payload) => {
    const names = namesOf(payload);
    const index = names && (left -= names.length) >= 0 ? find(shapes, names) : -1;
    if (!names || index === -1) {
      others.push(payload);
      return null;
    }
    if (index === fields.length) fields.push(names.map(() => []));
    const columns = fields[index] as unknown[][];
    for (let at = 0; at < names.length; at++) (columns[at] as unknown[]).push((payload as Record<string, unknown>)[names[at] as string]);
    return index;
  });
  return [columnOf(which), shapes, fields.flat().map((cells) => columnOf(cells)), others];
}

/** Returns the field names of a plain object that has fields. */
function namesOf(payload: unknown): Shape | undefined {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(payload);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const names = Object.keys(payload);
  return names.length > 0 && names.length <= MAX_FIELDS ? names : undefined;
}

/** Returns the index of a shape, which is added if it is new; -1 if there is no space. */
function find(shapes: Shape[], names: Shape): number {
  for (let index = 0; index < shapes.length; index++) if (isSame(shapes[index] as Shape, names)) return index;
  return shapes.length < MAX_SHAPES ? shapes.push(names) - 1 : -1;
}

function isSame(names: Shape, others: Shape): boolean {
  if (names.length !== others.length) return false;
  for (let index = 0; index < names.length; index++) if (names[index] !== others[index]) return false;
  return true;
}

/**
 * Restores the payloads of columns, which are not checked yet.
 *
 * @param maxFields The maximum number of fields in total, shared values each time.
 * @throws {Error} If the columns do not fit together.
 */
export function fromPayloadColumns(count: number, columns: readonly unknown[], maxFields: number): readonly unknown[] {
  const [which, shapes, fields, unshaped] = columns;
  const decoded = readShapes(shapes, fields);
  const others = Array.isArray(unshaped) ? (unshaped as readonly unknown[]) : [];
  let other = 0;
  let left = maxFields;
  const payloads: unknown[] = [];
  for (let index = 0; index < count; index++) {
    const place = cellOf(which, index) as number | null;
    const shape = place === null ? undefined : decoded[place];
    if (shape) {
      if ((left -= shape.names.length) < 0) throw new Error(`more than ${maxFields} nodes`);
      payloads.push(build(shape, shape.rows++));
    } else if (place === null && other < others.length) payloads.push(others[other++]);
    else throw new Error('a missing payload');
  }
  if (other < others.length || decoded.some(({ columns, rows }) => !columns.every((column) => isColumn(column, rows))))
    throw new Error('columns that do not match');
  return payloads;
}

interface DecodedShape {
  readonly names: Shape;
  readonly columns: readonly unknown[];
  /** The number of restored payloads. */
  rows: number;
}

function build({ names, columns }: DecodedShape, row: number): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    object[name === '__proto__' ? '__proto_' : name] = cellOf(columns[index], row);
  }
  return object;
}

function readShapes(shapes: unknown, fields: unknown): readonly DecodedShape[] {
  const isShape = (shape: unknown): boolean => Array.isArray(shape) && shape.every((name) => typeof name === 'string');
  if (!Array.isArray(shapes) || !shapes.every(isShape) || !Array.isArray(fields)) throw new Error('invalid shapes');
  let at = 0;
  const decoded = (shapes as readonly Shape[]).map((names): DecodedShape => ({
    names,
    columns: fields.slice(at, (at += names.length)),
    rows: 0,
  }));
  if (at !== fields.length) throw new Error('columns that do not match');
  return decoded;
}

/** The values of one field in a batch: an array with one for each message, or one for all. */
type Column = readonly unknown[] | Cell;

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
