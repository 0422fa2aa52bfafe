import { kindOf, tagOf } from './objectKind.js';

/** A longer text would fill the screen. */
const MAX_LENGTH = 2_000;
const NAME = /^[A-Za-z_$][\w$]*$/;

/**
 * Returns a value as an expression of JavaScript, to copy. Returns undefined if there is none: for
 * a function, an instance of a class, a cycle, or a value of more than 2,000 characters.
 */
export function literalOf(value: unknown): string | undefined {
  const text = write(value, []);
  return text === undefined || text.length > MAX_LENGTH ? undefined : text;
}

function write(value: unknown, outer: readonly object[]): string | undefined {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  if (outer.includes(value)) return undefined;
  return writeObject(value, (part) => write(part, [...outer, value]));
}

function writeObject(value: object, part: (value: unknown) => string | undefined): string | undefined {
  const [kind, tag] = [kindOf(value), tagOf(value)];
  const list = (items: Iterable<unknown>): string | undefined => {
    const texts = Array.from(items, part);
    return texts.includes(undefined) ? undefined : texts.join(', ');
  };
  const within = (start: string, text: string | undefined, end: string): string | undefined => text && `${start}${text}${end}`;

  if (Array.isArray(value)) return value.length === 0 ? '[]' : within('[', list(value), ']');
  if (kind === 'Date' || kind === 'RegExp') return kind === 'Date' ? `new Date(${Number(value)})` : (value as RegExp).toString();
  if (kind === 'Map' || kind === 'Set') return within(`new ${kind}(`, part([...(value as Iterable<unknown>)]), ')');
  if (kind === 'Buffer') return within('Buffer.from(', part([...(value as Uint8Array)]), ')');
  if (ArrayBuffer.isView(value) && Symbol.iterator in value) return `${kind}.of(${[...(value as Uint8Array)].join(', ')})`;
  const fields = Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  if (tag === 'Error') {
    const { name, message, cause } = value as Error;
    return name === kind && fields.length === 0 && cause === undefined ? `new ${kind}(${JSON.stringify(message)})` : undefined;
  }
  if (kind !== 'Object' || tag !== 'Object') return undefined;

  const texts = fields.map((key) => {
    const text = typeof key === 'string' ? part((value as Readonly<Record<string, unknown>>)[key]) : undefined;
    return text && `${NAME.test(String(key)) ? String(key) : JSON.stringify(key)}: ${text}`;
  });
  if (texts.length === 0) return '{}';
  return texts.includes(undefined) ? undefined : `{ ${texts.join(', ')} }`;
}
