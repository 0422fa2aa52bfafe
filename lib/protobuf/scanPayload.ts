import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** A field that costs more memory than its bytes. */
interface Heavy {
  /** Of the messages that it holds. */
  readonly schema: DescMessage | undefined;
  /** Whether it is a map: its entries are messages, with the value in the field 2. */
  readonly isMap: boolean;
}

/** How much of a payload may still come. */
export interface Budget {
  /** Messages, entries of maps, and the texts and bytes of lists. */
  nodes: number;
}

const known = new WeakMap<DescMessage, ReadonlyMap<number, Heavy>>();

/**
 * Counts what would be built of a message, before anything is: an empty one takes two bytes on the wire, and a hundred in memory.
 *
 * @param depth How many levels of messages there may be in this one.
 * @throws {Error} When there are more nodes or levels, or it is broken.
 */
export function scanPayload(schema: DescMessage, bytes: Uint8Array, budget: Budget, depth: number): void {
  const heavy = heavyFields(schema);
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const content = wireType === WireType.LengthDelimited ? reader.bytes() : reader.skip(wireType, field, depth);
    const found = heavy.get(field);
    if (!found) continue;
    // What is in a group, the older form of a message, is estimated.
    spend(budget, wireType === WireType.StartGroup ? 1 + (content.length >> 1) : 1);
    if (!found.schema || wireType !== WireType.LengthDelimited) continue;
    if (depth === 0) throw new Error('too many levels');
    if (found.isMap) scanEntry(found.schema, content, budget, depth - 1);
    else scanPayload(found.schema, content, budget, depth - 1);
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

function heavyFields(schema: DescMessage): ReadonlyMap<number, Heavy> {
  let fields = known.get(schema);
  if (!fields) {
    fields = new Map(
      schema.fields.flatMap((field) =>
        isHeavy(field) ? [[field.number, { schema: field.message, isMap: field.fieldKind === 'map' }]] : [],
      ),
    );
    known.set(schema, fields);
  }
  return fields;
}

function isHeavy(field: DescField): boolean {
  const { fieldKind } = field;
  const isLong = fieldKind === 'list' && (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES);
  return fieldKind === 'message' || fieldKind === 'map' || isLong || (fieldKind === 'list' && field.listKind === 'message');
}
