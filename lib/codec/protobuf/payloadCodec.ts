import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  isMessage,
  type JsonValue,
  type MessageShape,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { findUnsupported, type ValueRules } from '../assertEncodable.js';
import { envelopeLevels } from '../envelopeLevels.js';
import { withoutProto } from '../json.js';
import { hasUnpaired, mayHaveReplaced } from '../unicode.js';
import type { EncodedPayload } from './messageFormat.js';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

export interface PayloadRules {
  readonly types: ReadonlyMap<string, DescMessage>;
  readonly maxNodes: number;
  readonly maxDepth: number;
}

const valueRules = (maxDepth: number): ValueRules => ({ maxDepth, supports: () => false });

/**
 * Encodes a payload.
 * @throws {Error} If it is unsupported, with the reason, or the path, as its message.
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
  const fault = findUnsupported(payload, valueRules(maxDepth), -envelopeLevels(type));
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
    const fault = findUnsupported(value, valueRules(maxDepth), -envelopeLevels(type));
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

/** A field that needs more memory than its bytes. */
interface ExpensiveField {
  readonly schema: DescMessage | undefined;
  /** Whether it is a map: its entries are messages with the value in field 2. */
  readonly isMap: boolean;
}

/** The remaining budget of a payload. */
export interface Budget {
  /** Messages, map entries, and texts and bytes in lists. */
  nodes: number;
}

const fieldsBySchema = new WeakMap<DescMessage, ReadonlyMap<number, ExpensiveField>>();

/**
 * Counts the nodes of a message before it is built: an empty one takes 100 bytes of memory.
 *
 * @param depth The number of further levels that are allowed.
 * @throws {Error} If there are more nodes or levels, or the message is broken.
 */
export function scanPayload(schema: DescMessage, bytes: Uint8Array, budget: Budget, depth: number): void {
  const expensiveFields = expensiveFieldsOf(schema);
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const content = wireType === WireType.LengthDelimited ? reader.bytes() : reader.skip(wireType, field, depth);
    const expensive = expensiveFields.get(field);
    if (!expensive) continue;
    // The content of a group, the older form of a message, is estimated.
    spend(budget, wireType === WireType.StartGroup ? 1 + (content.length >> 1) : 1);
    if (!expensive.schema || wireType !== WireType.LengthDelimited) continue;
    if (depth === 0) throw new Error('too many levels');
    if (expensive.isMap) scanEntry(expensive.schema, content, budget, depth - 1);
    else scanPayload(expensive.schema, content, budget, depth - 1);
  }
}

function scanEntry(schema: DescMessage, entry: Uint8Array, budget: Budget, depth: number): void {
  const reader = new BinaryReader(entry);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field !== 2 || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, field, depth);
      continue;
    }
    spend(budget, 1);
    scanPayload(schema, reader.bytes(), budget, depth);
  }
}

function spend(budget: Budget, nodes: number): void {
  budget.nodes -= nodes;
  if (budget.nodes < 0) throw new Error('too many nodes');
}

function expensiveFieldsOf(schema: DescMessage): ReadonlyMap<number, ExpensiveField> {
  let fields = fieldsBySchema.get(schema);
  if (!fields) {
    fields = new Map(
      schema.fields.flatMap((field) =>
        isExpensive(field) ? [[field.number, { schema: field.message, isMap: field.fieldKind === 'map' }]] : [],
      ),
    );
    fieldsBySchema.set(schema, fields);
  }
  return fields;
}

function isExpensive(field: DescField): boolean {
  const { fieldKind } = field;
  const isLong = fieldKind === 'list' && (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES);
  return fieldKind === 'message' || fieldKind === 'map' || isLong || (fieldKind === 'list' && field.listKind === 'message');
}
