/** The version of the envelope that this library writes. */
export const ENVELOPE_VERSION = 1;

/** Types, header names and targets: 1 to 128 letters, digits and `_ . : / -`. */
export const NAME_PATTERN = /^[A-Za-z0-9_.:/-]{1,128}$/;

/** The maximum number of headers of a message, and of the characters of all their names and values together. */
export const MAX_HEADERS = 32;
export const MAX_HEADER_CHARACTERS = 4_096;

/** The maximum nesting of a payload. */
export const MAX_DEPTH = 32;

/** The maximum length of an id, which the sender chooses. */
export const MAX_ID_LENGTH = 256;
