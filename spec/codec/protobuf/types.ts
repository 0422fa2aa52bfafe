import { AnySchema, ApiSchema, FileDescriptorProtoSchema, StructSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';

/** Schemas that have everything between them: lists, maps, bytes, 64 bits, enums, oneofs, and themselves within themselves. */
export const types = {
  'any.thing': AnySchema,
  'api.published': ApiSchema,
  'clock.tick': TimestampSchema,
  'file.described': FileDescriptorProtoSchema,
  'json.said': StructSchema,
};
