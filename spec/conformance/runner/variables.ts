import { randomBytes } from 'node:crypto';
import { fieldsOf } from './script.js';

const ENVELOPE = { type: 'conformance.message', timestamp: 0, version: '1.0', source: '', payload: null };
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

/** The values of `$names`, from their first use on. */
export class Variables {
  readonly #values: Map<string, unknown>;

  constructor(values: Readonly<Record<string, unknown>> = {}) {
    this.#values = new Map(Object.entries(values).map(([name, value]) => [`$${name}`, value]));
  }

  set(values: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(values)) this.#values.set(`$${name}`, value);
  }

  /** What is meant by a value that is sent. A variable that has none yet becomes a new secret. */
  fill(value: unknown): unknown {
    if (typeof value === 'string') return this.#word(value);
    if (Array.isArray(value)) return value.map((inner) => this.fill(inner));
    if (!isObject(value)) return value;
    const { repeat, times } = value;
    if (Array.isArray(repeat)) return String(repeat[0]).repeat(repeat[1] as number);
    if (Array.isArray(times)) return Array.from({ length: times[1] as number }, () => this.fill(times[0]));
    return Object.fromEntries(Object.entries(fieldsOf(value)).map(([key, inner]) => [key, this.fill(inner)]));
  }

  /** Whether a value is what is expected. Binds the variables that have no value yet. */
  matches(expected: unknown, actual: unknown): boolean {
    if (expected === '*') return actual !== undefined;
    if (typeof expected === 'string') return this.#isWord(expected, actual);
    if (Array.isArray(expected))
      return Array.isArray(actual) && expected.every((inner, index) => this.matches(inner, (actual as unknown[])[index]));
    if (!isObject(expected)) return Object.is(expected, actual);
    if (!isObject(actual)) return false;
    return Object.entries(expected).every(([key, inner]) => (inner === null ? actual[key] == null : this.matches(inner, actual[key])));
  }

  #word(word: string): unknown {
    if (word.startsWith('#')) return { id: word.slice(1), ...ENVELOPE };
    if (!word.startsWith('$')) return word;
    if (!this.#values.has(word)) this.#values.set(word, randomBytes(32).toString('base64url'));
    // A value may itself name variables.
    const value = this.#values.get(word);
    return value === word ? value : this.fill(value);
  }

  #isWord(word: string, actual: unknown): boolean {
    if (word.startsWith('#')) return isObject(actual) && actual['id'] === word.slice(1);
    if (!word.startsWith('$')) return word === actual;
    if (this.#values.has(word)) return JSON.stringify(this.fill(word)) === JSON.stringify(actual);
    if (actual === undefined) return false;
    this.#values.set(word, actual);
    return true;
  }
}

/** A text that is written in parts: a part is a text, or a text and how often it comes. */
export function textOf(parts: unknown): string {
  if (!Array.isArray(parts)) return String(parts);
  return parts.map((part) => (Array.isArray(part) ? String(part[0]).repeat(part[1] as number) : String(part))).join('');
}
