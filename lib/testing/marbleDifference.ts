/** What jest, vitest and jasmine make with `expect.any(…)` and the like. */
interface Matcher {
  asymmetricMatch(actual: unknown): boolean;
  toAsymmetricMatcher?(): string;
}

/** How a value is shown in a message: on one line, at most `limit` characters. */
export function show(value: unknown, limit = 120): string {
  const text = inspect(value, 4);
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

/** Where two values differ, as `path: expected …, got …`; nothing when they are deeply equal. Matchers such as jest's `expect.any(…)` may be expected. */
export function differences(actual: unknown, expected: unknown, path = '', open: ReadonlySet<unknown> = new Set()): string[] {
  if (isMatcher(expected) ? expected.asymmetricMatch(actual) : Object.is(actual, expected)) return [];
  const different = [`${path ? `${path}: ` : ''}expected ${show(expected)}, got ${show(actual)}`];
  if (!isObject(actual) || !isObject(expected) || isMatcher(expected) || kindOf(actual) !== kindOf(expected)) return different;
  if (typeof actual === 'function' || (actual instanceof Date && +actual !== +(expected as Date))) return different;
  if (open.has(actual)) return [];

  const [mine, theirs] = [parts(actual), parts(expected)];
  return [...new Set([...theirs.keys(), ...mine.keys()])].flatMap((key) => {
    const inner =
      typeof key === 'number' ? `${path}[${key}]` : path ? `${path}.${show(key).replaceAll('"', '')}` : show(key).replaceAll('"', '');
    if (!mine.has(key)) return [`${inner}: expected ${show(theirs.get(key))}, got nothing`];
    if (!theirs.has(key)) return [`${inner}: expected nothing, got ${show(mine.get(key))}`];
    return differences(mine.get(key), theirs.get(key), inner, new Set([...open, actual]));
  });
}

/** What an object is made of: its elements, entries or own properties, and what an error says. */
function parts(value: object): Map<unknown, unknown> {
  if (value instanceof Map) return new Map(value as Map<unknown, unknown>);
  if (value instanceof Set) return new Map([...value].map((item) => [item, item]));
  if (Array.isArray(value)) return new Map(value.map((item, index) => [index, item]));
  if (ArrayBuffer.isView(value)) return new Map([...bytesOf(value)].map((byte, index) => [index, byte]));
  if (value instanceof ArrayBuffer) return parts(new Uint8Array(value));
  const own = Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  const said = value instanceof Error ? ['name', 'message', ...('cause' in value ? ['cause'] : [])] : [];
  return new Map([...said, ...own].map((key) => [key, (value as Record<PropertyKey, unknown>)[key]]));
}

/** By name, for there may be several realms: a test runner's and Node's. */
function kindOf(value: object): string {
  const constructor: unknown = value.constructor;
  return typeof constructor === 'function' ? constructor.name : 'Object';
}

function inspect(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return value.name ? `function ${value.name}` : 'a function';
  if (!isObject(value)) return String(value);
  if (isMatcher(value)) return value.toAsymmetricMatcher?.() ?? 'a matcher';
  if (value instanceof Error) return `${value.name}(${JSON.stringify(value.message)})`;
  if (value instanceof Date) return `Date(${String(+value)})`;
  if (depth === 0) return '…';
  const entries = [...parts(value)].map(
    ([key, item]) => [typeof key === 'string' ? key : inspect(key, 1), inspect(item, depth - 1)] as const,
  );
  if (Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Set) return `[${entries.map(([, item]) => item).join(', ')}]`;
  const name = ['Object', 'Map'].includes(kindOf(value)) ? '' : `${kindOf(value)} `;
  return entries.length === 0 ? `${name}{}` : `${name}{ ${entries.map(([key, item]) => `${key}: ${item}`).join(', ')} }`;
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isMatcher(value: unknown): value is Matcher {
  return isObject(value) && 'asymmetricMatch' in value && typeof value.asymmetricMatch === 'function';
}
