/** A value may be encoded as so many times its estimated size: a control character in JSON. */
export const MAX_GROWTH = 6;

/**
 * Estimates the encoded size of a value in bytes: the characters of its texts, the bytes of its
 * binaries, and a few bytes for each other part. It is for limits, and faster than encoding.
 *
 * @param most Counting stops above this size.
 */
export function estimateSize(value: unknown, most = Infinity): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  if (ArrayBuffer.isView(value)) return value.byteLength + 5;
  if (value instanceof Map || value instanceof Set) return estimateSize([...value], most);
  if (value instanceof Date) return 8;
  let bytes = 2;
  for (const key in value) {
    bytes += (Array.isArray(value) ? 1 : key.length + 3) + estimateSize((value as Record<string, unknown>)[key], most - bytes);
    if (bytes > most) break;
  }
  return bytes;
}
