/** The maximum number of messages in an entry of the stream: the offsets of one entry. */
const OFFSETS = 4_096;

/**
 * Returns the offset of a message: the sequence number of its entry in the stream times 4,096, plus
 * its index in the entry. It is a safe integer up to the entry 2^41: 69 years at a thousand entries
 * a second.
 */
export function offsetOf(seq: number, index = 0): number {
  return seq * OFFSETS + index;
}

/** Returns the highest offset that an entry may have. */
export function lastOffsetOf(seq: number): number {
  return seq * OFFSETS + OFFSETS - 1;
}

/** Returns the sequence number of the entry that an offset belongs to. */
export function sequenceOf(offset: number): number {
  return Math.floor(offset / OFFSETS);
}
