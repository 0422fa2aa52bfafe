import { byteLength } from './bytes.js';
import { isName, MAX_DEPTH, MAX_FIELD_BYTES, MAX_FIELDS, MAX_FIELDS_BYTES, MAX_NAME_LENGTH } from './messageLimits.js';

type Fields = Record<string, unknown>;

/** Throws an error with the rule that the field `name`, or the whole object, breaks. */
export type RefuseFields = (rule: string, name?: string) => never;

/** An upper bound of the size of the copied values, which is cheap to compute. */
interface Bound {
  bytes: number;
  values: number;
}

/**
 * Copies an object of JSON values, headers or metadata, to `target`, which is returned. Fields that
 * are `undefined` are left out, as is a field `__proto__`, unless `target` has no prototype.
 */
export function copyFields(given: Readonly<Fields>, target: Fields, refuse: RefuseFields): Fields {
  const names = Object.keys(given);
  if (names.length > MAX_FIELDS) refuse(`must have at most ${MAX_FIELDS} fields`);
  const bound: Bound = { bytes: 0, values: 0 };
  for (const name of names) {
    const value = given[name];
    if (value === undefined || (name === '__proto__' && target instanceof Object)) continue;
    if (name === '' || !isName(name)) refuse(`must have names of 1 to ${MAX_NAME_LENGTH} characters that are no control characters`);
    const fail = (): never => refuse(`must be a JSON value of at most ${MAX_DEPTH} levels`, name);
    bound.bytes += textBound(name);
    target[name] = copyJson(value, bound, 1, fail);
  }
  if (bound.bytes > MAX_FIELD_BYTES) assertSizes(target, refuse);
  return target;
}

function copyJson(value: unknown, bound: Bound, depth: number, fail: () => never): unknown {
  // Each value is one byte at least: shared parts cannot make the copy larger than this.
  if (++bound.values > MAX_FIELDS_BYTES) return fail();
  if (typeof value === 'string') {
    bound.bytes += textBound(value);
    return value;
  }
  bound.bytes += MAX_SCALAR;
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return value;
  if (typeof value !== 'object' || depth === MAX_DEPTH) return fail();
  if (Array.isArray(value)) return Array.from(value, (item: unknown) => copyJson(item ?? null, bound, depth + 1, fail));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return fail();
  const copy: Fields = {};
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined || name === '__proto__') continue;
    bound.bytes += textBound(name);
    copy[name] = copyJson(inner, bound, depth + 1, fail);
  }
  return copy;
}

/** The maximum number of bytes of a number, `true`, `false`, `null` or brackets, with a comma. */
const MAX_SCALAR = 26;

/** Returns the maximum number of bytes of a text, if all of its characters are escaped. */
function textBound(text: string): number {
  return 6 * text.length + 4;
}

function assertSizes(fields: Readonly<Fields>, refuse: RefuseFields): void {
  let total = 0;
  for (const name of Object.keys(fields)) {
    const size = byteLength(`${JSON.stringify(name)}:${JSON.stringify(fields[name])}`);
    if (size > MAX_FIELD_BYTES) refuse(`must be at most ${MAX_FIELD_BYTES} bytes of JSON text`, name);
    total += size;
  }
  if (total > MAX_FIELDS_BYTES) refuse(`must be at most ${MAX_FIELDS_BYTES} bytes of JSON text`);
}
