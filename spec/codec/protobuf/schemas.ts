import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { AnySchema, ApiSchema, FileDescriptorProtoSchema, StructSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { types } from './types.js';

export { types };

const text = fc.string({ maxLength: 20 });
const bytes = fc.uint8Array({ maxLength: 50 });

/** Messages of these, by their types. */
export const typed: Readonly<Record<keyof typeof types, fc.Arbitrary<unknown>>> = {
  'any.thing': fc.record({ typeUrl: text, value: bytes }).map((value) => create(AnySchema, value)),
  'api.published': fc
    .record({ name: text, methods: fc.array(fc.record({ name: text, requestStreaming: fc.boolean() }), { maxLength: 4 }) })
    .map((value) => create(ApiSchema, value)),
  'clock.tick': fc
    .record({ seconds: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), nanos: fc.integer() })
    .map((value) => create(TimestampSchema, value)),
  'file.described': fc
    .record({
      name: text,
      dependency: fc.array(text),
      publicDependency: fc.array(fc.integer()),
      messageType: fc.array(fc.record({ name: text })),
    })
    .map((value) => create(FileDescriptorProtoSchema, value)),
  'json.said': fc.dictionary(text, fc.jsonValue({ maxDepth: 3 })).map((value) => fromJson(StructSchema, plain(value) as JsonObject)),
};

/** Without -0, and without keys that JSON itself would not bring back. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** The frame of one message of the type whose payload is these bytes. */
export function around(type: string, data: Uint8Array): Uint8Array {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string('a').tag(2, WireType.LengthDelimited).string(type);
  writer.tag(6, WireType.LengthDelimited).bytes(data);
  return writer.join().finish();
}

/** Writes one field after the other: its number, and its bytes. */
export function fields(...entries: readonly (readonly [number: number, content: Uint8Array | string])[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, content] of entries) {
    writer.tag(number, WireType.LengthDelimited);
    if (typeof content === 'string') writer.string(content);
    else writer.bytes(content);
  }
  return writer.finish();
}
