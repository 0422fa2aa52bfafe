/** The types and paths of encoded values, inner ones first: `[MAP, 'files', 0]`. */
export type ExtensionTypes = readonly (readonly (string | number)[])[];

const MAP = 1;
const SET = 2;
const BIGINT = 3;

/** Returns whether a value becomes another one: a Map or Set an array, a small BigInt a number. */
export function needsExtension(value: unknown): boolean {
  return value instanceof Map || value instanceof Set || (typeof value === 'bigint' && isSmall(value));
}

/** Returns whether a value is encoded by its fields: plain, or an instance without a `toJSON`. */
export function isRecord(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.prototype.toString.call(value) === '[object Object]' && !('toJSON' in value);
}

/** Replaces such values, up to `maxDepth`, by plain ones, and adds their types to `types`. */
export function encodeExtensions(
  value: unknown,
  types: (string | number)[][],
  maxDepth: number,
  path: readonly (string | number)[] = [],
): unknown {
  const encodeInner = (inner: unknown, key: string | number): unknown => encodeExtensions(inner, types, maxDepth, [...path, key]);
  const record = (type: number, plain: unknown): unknown => {
    types.push([type, ...path]);
    return plain;
  };
  if (typeof value === 'bigint' && isSmall(value)) return record(BIGINT, Number(value));
  if (typeof value !== 'object' || value === null || path.length > maxDepth) return value;
  if (Array.isArray(value)) return value.map(encodeInner);
  if (value instanceof Map) return record(MAP, [...value].flat().map(encodeInner));
  if (value instanceof Set) return record(SET, [...value].map(encodeInner));
  if (!isRecord(value)) return value;
  // msgpackr decodes this key under another name.
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, encodeInner(inner, key === '__proto__' ? '__proto_' : key)]));
}

/**
 * Restores the original values. Changes `value`.
 *
 * @throws {Error} If `types` does not match the value.
 */
export function decodeExtensions(value: unknown, types: unknown, maxDepth: number): unknown {
  const root = [value];
  if (!Array.isArray(types)) throw new Error('extension types that are not a list');
  for (const entry of types as readonly unknown[]) {
    if (!Array.isArray(entry) || entry.length > maxDepth + 2) throw new Error('an extension type without a path');
    const [type, ...path] = entry as readonly unknown[];
    let holder: unknown = root;
    let key: unknown = 0;
    for (const next of path) {
      holder = step(holder, key);
      key = next;
    }
    const plain = step(holder, key);
    (holder as Record<PropertyKey, unknown>)[key as PropertyKey] = restore(type, plain);
  }
  return root[0];
}

function step(holder: unknown, key: unknown): unknown {
  const isPlace = Array.isArray(holder) ? typeof key === 'number' : typeof key === 'string' && isPlain(holder);
  if (isPlace && Object.hasOwn(holder as object, key as PropertyKey)) return (holder as Record<PropertyKey, unknown>)[key as PropertyKey];
  throw new Error('an extension type of a missing value');
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function restore(type: unknown, plain: unknown): unknown {
  const list = Array.isArray(plain) ? (plain as readonly unknown[]) : undefined;
  if (type === MAP && list && list.length % 2 === 0)
    return new Map(list.flatMap((key, index) => (index % 2 === 0 ? [[key, list[index + 1]]] : [])));
  if (type === SET && list) return new Set(list);
  if (type === BIGINT && Number.isInteger(plain) && isSmall(BigInt(plain as number))) return BigInt(plain as number);
  throw new Error('an extension type that does not match its value');
}

function isSmall(value: bigint): boolean {
  return value >= -(2n ** 53n) && value <= 2n ** 53n;
}
