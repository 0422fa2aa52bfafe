import { cellOf, columnOf, isColumn } from './column.js';

/** Names of the fields that payloads of a batch have, in their order. */
type Shape = readonly string[];

/** More of them in a batch are looked for in vain more often than they are of use. */
const MOST_SHAPES = 16;
const MOST_FIELDS = 32;

/** Payloads as they travel: the names of fields once, and a column for each field of each shape. */
export interface TakenApart {
  /** A column: which shape each payload has, `null` for none. */
  readonly which: unknown;
  readonly shapes: readonly Shape[];
  /** Those of the first shape, then those of the second … */
  readonly fields: readonly unknown[];
  /** Payloads without a shape. */
  readonly others: readonly unknown[];
}

/** @param maxFields How many fields those that are taken apart have together at most. */
export function takeApart(payloads: readonly unknown[], maxFields: number): TakenApart {
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
  return { which: columnOf(which), shapes, fields: fields.flat().map(columnOf), others };
}

/** If it is a plain object, and has fields. */
function namesOf(payload: unknown): Shape | undefined {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(payload);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const names = Object.keys(payload);
  return names.length > 0 && names.length <= MOST_FIELDS ? names : undefined;
}

/** Where these names are, added if they are new; -1 where there is no room for more. */
function find(shapes: Shape[], names: Shape): number {
  for (let index = 0; index < shapes.length; index++) if (isSame(shapes[index] as Shape, names)) return index;
  return shapes.length < MOST_SHAPES ? shapes.push(names) - 1 : -1;
}

function isSame(names: Shape, others: Shape): boolean {
  if (names.length !== others.length) return false;
  for (let index = 0; index < names.length; index++) if (names[index] !== others[index]) return false;
  return true;
}

/** The same as a peer has sent it, unchecked. */
export type Parts = Readonly<Record<keyof TakenApart, unknown>>;

/**
 * Puts so many payloads together again.
 *
 * @param maxFields How many fields they may have together: what is written once may be there a thousand times.
 * @throws {Error} When the parts do not fit.
 */
export function assemble(count: number, parts: Parts, maxFields: number): readonly unknown[] {
  const known = readShapes(parts);
  const others = Array.isArray(parts.others) ? (parts.others as readonly unknown[]) : [];
  let other = 0;
  let left = maxFields;
  const payloads: unknown[] = [];
  for (let index = 0; index < count; index++) {
    const place = cellOf(parts.which, index) as number | null;
    const shape = place === null ? undefined : known[place];
    if (shape) {
      if ((left -= shape.names.length) < 0) throw new Error(`more than ${maxFields} nodes`);
      payloads.push(build(shape, shape.rows++));
    } else if (place === null && other < others.length) payloads.push(others[other++]);
    else throw new Error('a payload that is not there');
  }
  if (other < others.length || known.some(({ columns, rows }) => !columns.every((column) => isColumn(column, rows))))
    throw new Error('columns that do not fit');
  return payloads;
}

interface Known {
  readonly names: Shape;
  readonly columns: readonly unknown[];
  /** How many are built. */
  rows: number;
}

function build({ names, columns }: Known, row: number): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    object[name === '__proto__' ? '__proto_' : name] = cellOf(columns[index], row);
  }
  return object;
}

function readShapes({ shapes, fields }: Parts): readonly Known[] {
  const isShape = (shape: unknown): boolean => Array.isArray(shape) && shape.every((name) => typeof name === 'string');
  if (!Array.isArray(shapes) || !shapes.every(isShape) || !Array.isArray(fields)) throw new Error('shapes that are none');
  let at = 0;
  const known = (shapes as readonly Shape[]).map((names): Known => ({ names, columns: fields.slice(at, (at += names.length)), rows: 0 }));
  if (at !== fields.length) throw new Error('columns that do not fit');
  return known;
}
