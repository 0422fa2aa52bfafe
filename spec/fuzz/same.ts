import type { Message } from '../../lib/message/types.js';

/** Whether two values say the same: what is `undefined` may be missing, and who made an object does not matter. */
export function same(a: unknown, b: unknown): boolean {
  // -0 and 0 are the same: the sign does not travel.
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Date || b instanceof Date) return a instanceof Date && b instanceof Date && a.getTime() === b.getTime();
  if (a instanceof Map || b instanceof Map) return a instanceof Map && b instanceof Map && same([...a], [...b]);
  if (a instanceof Set || b instanceof Set) return a instanceof Set && b instanceof Set && same([...a], [...b]);
  if (Array.isArray(a) !== Array.isArray(b) || ArrayBuffer.isView(a) !== ArrayBuffer.isView(b)) return false;
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) =>
    same(Object.hasOwn(left, key) ? left[key] : undefined, Object.hasOwn(right, key) ? right[key] : undefined),
  );
}

const TEXT_FIELDS = ['id', 'type', 'version', 'source', 'target', 'correlationId', 'replyTo', 'timestamp', 'ttl', 'priority'] as const;

/** Whether a message has arrived as it was sent. @param arrives What its codec makes of a payload. */
export function arrived(sent: Message, received: Message, arrives: (payload: unknown, type: string) => unknown): boolean {
  const isSame = TEXT_FIELDS.every((field) => same(sent[field] ?? undefined, received[field]));
  return (
    isSame &&
    same(asJson(withoutProto(sent.headers ?? {})), withoutProto(received.headers ?? {})) &&
    same(withoutNull(asJson(withoutProto(sent.metadata ?? {}))), withoutProto(received.metadata ?? {})) &&
    same(arrives(sent.payload ?? null, sent.type), received.payload)
  );
}

/** A header named `__proto__` arrives, or arrives under another name, as in msgpackr; a field of the metadata does not. */
function withoutProto(fields: object): unknown {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== '__proto__' && name !== '__proto_'));
}

/** Metadata that this library knows counts as missing when it is `null`. */
function withoutNull(metadata: unknown): unknown {
  const known = ['retryCount', 'maxRetries', 'deliveryTag', 'routingKey', 'persistent', 'compressed', 'encrypted'];
  return Object.fromEntries(Object.entries(metadata as object).filter(([name, value]) => value !== null || !known.includes(name)));
}

/** What JSON makes of a value, without keys named `__proto__`. */
export function asJson(value: unknown): unknown {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? null : renamed(JSON.parse(text), () => undefined);
}

/** What msgpackr makes of a value: objects of a class are plain ones, and a key `__proto__` has another name. */
export function asMsgpack(value: unknown): unknown {
  return renamed(value, () => '__proto_');
}

function renamed(value: unknown, nameOfProto: () => string | undefined): unknown {
  const inner = (item: unknown): unknown => renamed(item, nameOfProto);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return Array.from(value, inner);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [inner(key), inner(item)]));
  if (value instanceof Set) return new Set([...value].map(inner));
  const entries = Object.entries(value).flatMap(([key, item]) => {
    const name = key === '__proto__' ? nameOfProto() : key;
    return name === undefined ? [] : [[name, inner(item)] as const];
  });
  return Object.fromEntries(entries);
}
