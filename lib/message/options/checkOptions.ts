import { editDistance } from '../editDistance.js';
import { OPTION_KINDS } from './optionKinds.js';

const KINDS: Readonly<Record<string, string>> = {
  n: 'a number',
  s: 'a text',
  b: 'true or false',
  f: 'a function',
  o: 'an object',
  z: 'null',
};

/** Options, by name and kinds, of which an example says more than their kind. */
const EXAMPLES: Readonly<Record<string, string>> = {
  'codec:o': 'a codec, such as msgpack()',
  'link:f': 'a link, such as webSocket(url)',
};

/** The options of each function that was called: their names, and the letters of their kinds. */
const read = new Map<string, Readonly<Record<string, string>>>();

/**
 * Checks the options of an exported function: a misspelt option would have no effect.
 *
 * @param owner The name of the function.
 * @param path The option whose options these are: `reconnect`.
 * @throws {TypeError} Names the unknown option, and the known one that is most similar; or the
 *   option whose value is of another kind.
 */
export function checkOptions(owner: string, options: unknown, path = ''): void {
  if (typeof options !== 'object' || options === null) {
    const example = owner === 'connect' ? ', such as { link: webSocket(url) }' : '';
    throw new TypeError(`${owner}: the options must be an object${example}, got ${described(options)}`);
  }
  const prefix = path && `${path}.`;
  const known = kindsOf(path ? `${owner}.${path}` : owner);
  for (const [name, value] of Object.entries(options)) {
    const letters = Object.hasOwn(known, name) ? (known[name] as string) : '';
    if (letters === '') {
      const place = path && `"${path}": `;
      throw new TypeError(`${owner}: ${place}unknown option "${name}"${suggestion(name, Object.keys(known))}`);
    }
    if (value === undefined || letters === '*') continue;
    if (!letters.includes(letterOf(value)) && !(letters.includes('o') && hasMembers(value))) {
      const expected = EXAMPLES[`${name}:${letters}`] ?? Array.from(letters, (letter) => KINDS[letter]).join(' or ');
      throw new TypeError(`${owner}: "${prefix}${name}" must be ${expected}, got ${described(value)}`);
    }
    const nested = prefix + name;
    if (typeof value === 'object' && `${owner}.${nested}` in OPTION_KINDS) checkOptions(owner, value, nested);
  }
}

/**
 * Checks that an argument of an exported function is a wire, or has the functions of one.
 *
 * @throws {TypeError}
 */
export function checkWire(owner: string, wire: unknown): void {
  const { next, subscribe } = Object(wire) as { readonly next?: unknown; readonly subscribe?: unknown };
  if (typeof next !== 'function' || typeof subscribe !== 'function')
    throw new TypeError(`${owner}: "wire" must be a wire, as connect returns it, got ${described(wire)}`);
}

function kindsOf(owner: string): Readonly<Record<string, string>> {
  let kinds = read.get(owner);
  if (!kinds) {
    kinds = Object.fromEntries((OPTION_KINDS[owner] as string).split(' ').map((option) => option.split(':') as [string, string]));
    read.set(owner, kinds);
  }
  return kinds;
}

function letterOf(value: unknown): string {
  return value === null ? 'z' : (typeof value).charAt(0);
}

/** A function may have the members of an object, as some mocks do. */
function hasMembers(value: unknown): boolean {
  return typeof value === 'function' && Object.keys(value).length > 0;
}

function described(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return String(value);
  return Array.isArray(value) ? 'an array' : typeof value === 'function' ? 'a function' : 'an object';
}

function suggestion(name: string, known: readonly string[]): string {
  const nearest = nearestOf(name, known);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}

/** Returns the most similar name; undefined if more than a third of its characters differ. */
function nearestOf(name: string, names: readonly string[]): string | undefined {
  let best: { readonly known: string; readonly distance: number } | undefined;
  for (const known of names) {
    const distance = editDistance(name.toLowerCase(), known.toLowerCase());
    if (distance <= Math.max(2, known.length / 3) && !(best && best.distance <= distance)) best = { known, distance };
  }
  return best?.known;
}
