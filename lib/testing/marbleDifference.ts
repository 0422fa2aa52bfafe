/** An asymmetric matcher of jest, vitest and jasmine, as `expect.any(…)`. */
interface Matcher {
  asymmetricMatch(actual: unknown): boolean;
  toAsymmetricMatcher?(): string;
}

/** Returns a value as text for a message: on one line, at most `limit` characters. */
export function show(value: unknown, limit = 120): string {
  const text = inspect(value, 4);
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

/** Two objects whose parts are being compared: the same pair inside them is a cycle. */
type Pair = readonly [actual: object, expected: object];

/**
 * Returns the differences of two values, as `path: expected …, got …`; none if they are deeply
 * equal. `expected` may contain matchers as jest's `expect.any(…)`.
 */
export function differences(actual: unknown, expected: unknown, path = '', open: readonly Pair[] = []): string[] {
  if (isMatcher(expected) ? expected.asymmetricMatch(actual) : Object.is(actual, expected)) return [];
  const different = [`${path ? `${path}: ` : ''}expected ${show(expected)}, got ${show(actual)}`];
  if (!isObject(actual) || !isObject(expected) || isMatcher(expected) || kindOf(actual) !== kindOf(expected)) return different;
  if (open.some(([one, other]) => one === actual && other === expected)) return [];

  const [mine, theirs] = [partsOf(actual), partsOf(expected)];
  if (!mine || !theirs) return different;
  return [...new Set([...theirs.keys(), ...mine.keys()])].flatMap((key) => {
    const inner = pathTo(key, path);
    if (!mine.has(key)) return [`${inner}: expected ${show(theirs.get(key))}, got nothing`];
    if (!theirs.has(key)) return [`${inner}: expected nothing, got ${show(mine.get(key))}`];
    return differences(mine.get(key), theirs.get(key), inner, [...open, [actual, expected]]);
  });
}

function pathTo(key: unknown, path: string): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  const name = typeof key === 'string' ? key : show(key);
  return path ? `${path}.${name}` : name;
}

/**
 * Returns the elements, entries, or own properties of an object; undefined for an opaque one, as a
 * WeakMap, which equals only itself.
 */
function partsOf(value: object): Map<unknown, unknown> | undefined {
  if (ArrayBuffer.isView(value)) return indexed([...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]);
  if (Array.isArray(value)) return indexed(value);
  const tag = tagOf(value);
  if (tag === 'ArrayBuffer') return indexed([...new Uint8Array(value as ArrayBuffer)]);
  if (tag === 'Map') return new Map(value as Map<unknown, unknown>);
  if (tag === 'Set') return new Map([...(value as Set<unknown>)].map((item) => [item, item]));
  if (tag === 'Date') return new Map([['time', Number(value)]]);
  if (tag === 'RegExp') return new Map([['pattern', (value as RegExp).toString()]]);

  const hidden = tag === 'Error' ? ['name', 'message', 'cause', 'errors'].filter((key) => key in value) : [];
  const own = Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  if (own.length + hidden.length === 0 && kindOf(value) !== 'Object') return undefined;
  return new Map([...hidden, ...own].map((key) => [key, (value as Record<PropertyKey, unknown>)[key]]));
}

function indexed(items: readonly unknown[]): Map<unknown, unknown> {
  return new Map(items.map((item, index) => [index, item]));
}

/**
 * Returns the kind of an object by name. `instanceof` would fail for objects of another realm, as
 * of a test runner.
 */
function kindOf(value: object): string {
  const constructor: unknown = value.constructor;
  return typeof constructor === 'function' ? constructor.name : 'Object';
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function inspect(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return value.name ? `function ${value.name}` : 'a function';
  if (!isObject(value)) return String(value);
  if (isMatcher(value)) return value.toAsymmetricMatcher?.() ?? 'a matcher';
  const [kind, tag, inner] = [kindOf(value), tagOf(value), partsOf(value)];
  if (tag === 'Error') return `${(value as Error).name}(${JSON.stringify((value as Error).message)})`;
  if (tag === 'Date' || tag === 'RegExp') return `${kind}(${String(inner?.values().next().value)})`;
  if (!inner) return `a ${kind}`;
  if (depth === 0) return '…';

  const items = [...inner].map(([key, item]) => [typeof key === 'string' ? key : inspect(key, 1), inspect(item, depth - 1)] as const);
  if (Array.isArray(value) || ArrayBuffer.isView(value) || tag === 'Set') return `[${items.map(([, item]) => item).join(', ')}]`;
  const name = kind === 'Object' || kind === 'Map' ? '' : `${kind} `;
  return items.length === 0 ? `${name}{}` : `${name}{ ${items.map(([key, item]) => `${key}: ${item}`).join(', ')} }`;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isMatcher(value: unknown): value is Matcher {
  return isObject(value) && 'asymmetricMatch' in value && typeof value.asymmetricMatch === 'function';
}
