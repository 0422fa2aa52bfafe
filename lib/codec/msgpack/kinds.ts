import { MAX_DEPTH } from '../../message/limits.js';

/** Of a value that travels as another one, what it is, and where: `[MAP, 'files', 0]`. Those within come before those around them. */
export type Kinds = readonly (readonly (string | number)[])[];

const MAP = 1;
const SET = 2;
const BIGINT = 3;

/** Whether it travels as another value: a Map and a Set as an array, a small BigInt as a number. */
export function isFolded(value: unknown): boolean {
  return value instanceof Map || value instanceof Set || (typeof value === 'bigint' && isSmall(value));
}

/** Whether it is but fields: of an object of an application's class these travel, unless it has an idea of its own of what to send. */
export function isRecord(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.prototype.toString.call(value) === '[object Object]' && !('toJSON' in value);
}

/** What travels for a value that holds some of those, and what they are. What is too deep is left as it is. */
export function fold(value: unknown, kinds: (string | number)[][], path: readonly (string | number)[] = []): unknown {
  const within = (inner: unknown, key: string | number): unknown => fold(inner, kinds, [...path, key]);
  const folded = (kind: number, plain: unknown): unknown => {
    kinds.push([kind, ...path]);
    return plain;
  };
  if (typeof value === 'bigint' && isSmall(value)) return folded(BIGINT, Number(value));
  if (typeof value !== 'object' || value === null || path.length > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map(within);
  if (value instanceof Map) return folded(MAP, [...value].flat().map(within));
  if (value instanceof Set) return folded(SET, [...value].map(within));
  if (!isRecord(value)) return value;
  // msgpackr reads a key of that name as another one.
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, within(inner, key === '__proto__' ? '__proto_' : key)]));
}

/**
 * The opposite. Changes `value`.
 *
 * @throws {Error} When `kinds` does not fit.
 */
export function unfold(value: unknown, kinds: unknown): unknown {
  const root = [value];
  if (!Array.isArray(kinds)) throw new Error('kinds that are no list');
  for (const entry of kinds as readonly unknown[]) {
    if (!Array.isArray(entry) || entry.length > MAX_DEPTH + 2) throw new Error('a kind without a place');
    const [kind, ...path] = entry as readonly unknown[];
    let holder: unknown = root;
    let key: unknown = 0;
    for (const next of path) {
      holder = step(holder, key);
      key = next;
    }
    const plain = step(holder, key);
    (holder as Record<PropertyKey, unknown>)[key as PropertyKey] = unfolded(kind, plain);
  }
  return root[0];
}

function step(holder: unknown, key: unknown): unknown {
  const isPlace = Array.isArray(holder) ? typeof key === 'number' : typeof key === 'string' && isPlain(holder);
  if (isPlace && Object.hasOwn(holder as object, key as PropertyKey)) return (holder as Record<PropertyKey, unknown>)[key as PropertyKey];
  throw new Error('a kind of what is not there');
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function unfolded(kind: unknown, plain: unknown): unknown {
  const list = Array.isArray(plain) ? (plain as readonly unknown[]) : undefined;
  if (kind === MAP && list && list.length % 2 === 0)
    return new Map(list.flatMap((key, index) => (index % 2 === 0 ? [[key, list[index + 1]]] : [])));
  if (kind === SET && list) return new Set(list);
  if (kind === BIGINT && Number.isInteger(plain) && isSmall(BigInt(plain as number))) return BigInt(plain as number);
  throw new Error('a kind that does not fit');
}

function isSmall(value: bigint): boolean {
  return value >= -(2n ** 53n) && value <= 2n ** 53n;
}
