import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** A field that needs more memory than its bytes. */
interface ExpensiveField {
  /** The schema of the messages in the field. */
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
 * Counts the nodes of a message before it is built: an empty message takes two bytes on the wire
 * and a hundred in memory.
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
