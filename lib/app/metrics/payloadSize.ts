/** Parts of a payload that are looked at: measuring must not cost what encoding does. */
const MAX_PARTS = 64;
/** What numbers, `null` and the like take, about. */
const ATOM = 4;
/** Quotes, colon and comma of a field. */
const FIELD = 4;

/** About how many bytes a payload takes as text. Of a large one only the first parts are counted. */
export function payloadSize(payload: unknown): number {
  return sizeOf(payload, { parts: MAX_PARTS });
}

function sizeOf(value: unknown, left: { parts: number }): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return ATOM;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  const hasNames = !Array.isArray(value);
  let size = 0;
  for (const name in value) {
    if (left.parts-- <= 0) break;
    size += sizeOf(value[name as never], left) + (hasNames ? name.length + FIELD : 0);
  }
  return size;
}
