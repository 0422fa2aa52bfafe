/** Values that JSON does not have, as the files beside this one write them: `{ "$date": 0 }`. docs/formats.md has the list. */
const readers: Readonly<Record<string, (content: never) => unknown>> = {
  $date: (ms: number) => new Date(ms),
  $bytes: (hex: string) => new Uint8Array(Buffer.from(hex, 'hex')),
  $bigint: (digits: string) => BigInt(digits),
  $number: (text: string) => Number(text),
  $undefined: () => undefined,
  $map: (entries: readonly (readonly [unknown, unknown])[]) => new Map(entries.map(([key, value]) => [untagged(key), untagged(value)])),
  $set: (items: readonly unknown[]) => new Set(items.map(untagged)),
};

/** The value that is meant. */
export function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(untagged);
  const entries = Object.entries(value);
  const [tag, content] = entries[0] ?? [''];
  const read = entries.length === 1 ? readers[tag] : undefined;
  return read ? read(content as never) : Object.fromEntries(entries.map(([key, inner]) => [key, untagged(inner)]));
}
