import { create, fromBinary, fromJson, isMessage, toBinary, type DescMessage, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { findUnsupported, type ValueRules } from '../codec/assertEncodable.js';
import { withoutProto } from '../codec/json.js';
import { hasUnpaired, mayHaveReplaced } from '../codec/assertUnicode.js';
import { scanPayload } from './scanPayload.js';
import type { EncodedPayload } from './writeMessage.js';

export interface PayloadRules {
  readonly types: ReadonlyMap<string, DescMessage>;
  readonly maxNodes: number;
  readonly maxDepth: number;
}

const valueRules = (maxDepth: number): ValueRules => ({ maxDepth, supports: () => false });

/**
 * Encodes a payload.
 * @throws {Error} If it is unsupported, with the reason, or the path, as its
 * message.
 */
export function encodePayload(type: string, payload: unknown, { types, maxNodes, maxDepth }: PayloadRules): EncodedPayload {
  if (payload == null) return undefined;
  const schema = types.get(type);
  if (schema) {
    const data = toBinary(schema, messageOf(schema, payload), { writeUnknownFields: false });
    scanPayload(schema, data, { nodes: maxNodes }, maxDepth);
    if (mayHaveReplaced(data) && hasUnpaired(payload)) throw new Error(': a text with an unpaired surrogate');
    return { data };
  }
  if (payload instanceof Uint8Array) return { data: payload };
  const fault = findUnsupported(payload, valueRules(maxDepth));
  if (fault) throw new Error(fault);
  return { json: JSON.stringify(payload) };
}

/**
 * Decodes a payload. The result shares no memory with the frame.
 * @throws {Error} If it is invalid.
 */
export function decodePayload(type: string, carried: EncodedPayload, { types, maxNodes, maxDepth }: PayloadRules): unknown {
  if (!carried) return null;
  const schema = types.get(type);
  if ('json' in carried) {
    const value: unknown = JSON.parse(carried.json);
    const fault = findUnsupported(value, valueRules(maxDepth));
    if (fault) throw new Error(fault);
    withoutProto(carried.json, value);
    return schema ? fromJson(schema, value as JsonValue, { ignoreUnknownFields: true }) : value;
  }
  // A copy: the bytes in it would be views.
  const data = carried.data.slice();
  if (!schema) return data;
  scanPayload(schema, data, { nodes: maxNodes }, maxDepth);
  return fromBinary(schema, data, { readUnknownFields: false, recursionLimit: maxDepth + 1 });
}

function messageOf(schema: DescMessage, payload: unknown): MessageShape<DescMessage> {
  if (isMessage(payload, schema)) return payload;
  // An array, a Date or bytes without a key of their own would become an empty message.
  const kind = Object.prototype.toString.call(payload).slice(8, -1);
  if (kind !== 'Object') throw new Error(`: ${kind}, where ${schema.typeName} was expected`);
  const names = new Set(schema.members.map(({ localName }) => localName));
  const stray = Object.keys(payload as object).find((key) => !names.has(key));
  if (stray !== undefined) throw new Error(`: ${schema.typeName} has no field for one of its keys`);
  return create(schema, payload as Record<string, unknown>);
}
