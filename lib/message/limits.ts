/** The version of the envelope that this library writes. */
export const ENVELOPE_VERSION = 1;

/** Names: types, header names, targets. Letters, digits and `_ . : / -`, 1 to 128 of them. */
export const NAME_PATTERN = /^[A-Za-z0-9_.:/-]{1,128}$/;

/** Headers a message may have at most, and the characters of all their names and values together. */
export const MAX_HEADERS = 32;
export const MAX_HEADER_CHARACTERS = 4_096;

/** How deep a payload may nest. */
export const MAX_DEPTH = 32;

/** Ids are the peer's choice: any text up to this many characters. */
export const MAX_ID_LENGTH = 256;
