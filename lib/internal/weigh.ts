/**
 * About how many bytes a value takes on its way: the characters of its texts, the bytes of its binaries, and a few for each of its other parts.
 * It is for limits, and costs a fraction of encoding it.
 *
 * @param most Counting ends there: what is larger is too large, whatever its size.
 */
export function weigh(value: unknown, most = Infinity): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  if (ArrayBuffer.isView(value)) return value.byteLength + 5;
  let bytes = 2;
  for (const key in value) {
    bytes += (Array.isArray(value) ? 1 : key.length + 3) + weigh((value as Record<string, unknown>)[key], most - bytes);
    if (bytes > most) break;
  }
  return bytes;
}
