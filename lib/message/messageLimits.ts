/** The version of the envelope that this library writes. */
export const ENVELOPE_VERSION = '1.0';

/** The maximum length of an id, and of a name: of a type, a source, a target, a header … */
export const MAX_ID_LENGTH = 256;
export const MAX_NAME_LENGTH = 256;

/** The names of channels, members, clients and keys: 1 to 128 letters, digits and `_ . : / -`. */
export const NAME_PATTERN = /^[A-Za-z0-9_.:/-]{1,128}$/;

/** The maximum number of headers of a message, and of fields of its metadata. */
export const MAX_FIELDS = 32;
/** The maximum size of one header or field of the metadata, and of all, in bytes of JSON text. */
export const MAX_FIELD_BYTES = 8_192;
export const MAX_FIELDS_BYTES = 16_384;

/** The maximum number of messages in a batch, and of numbers in a skip. */
export const MAX_BATCH = 256;

/** The maximum nesting of a payload, and of a header. */
export const MAX_DEPTH = 32;

export const CONTROL_CHARACTER = /\p{Cc}/u;

/** Returns whether a value is a short text without control characters. It may be empty. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME_LENGTH && !CONTROL_CHARACTER.test(value);
}

/** The maximum length of the reason that `authorize` gives. */
export const MAX_REASON_LENGTH = 256;
