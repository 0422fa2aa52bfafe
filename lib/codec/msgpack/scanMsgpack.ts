const SCALAR = 0;
const BINARY = 1;
const ARRAY = 2;
const MAP = 3;
const OTHER = 4;

/** The kind of value that each of the tokens 0xc0 to 0xdf starts; text counts as scalar. */
const KINDS = [0, 4, 0, 0, 1, 1, 1, 4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 0, 0, 0, 2, 2, 3, 3];
/** The number of bytes of the value or, from 0xd9 on and for binaries, of its length. */
const WIDTHS = [0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4];

/**
 * The number of remaining values in each container around the present value. Used again by each
 * scan.
 */
const outer: number[] = [];

/**
 * Scans the structure of one MessagePack value without building it, so that broken values, and
 * values that are small on the wire and large in memory, are rejected before any allocation.
 *
 * @param maxNodes The maximum number of values that need more memory than their bytes: arrays,
 *   maps, map entries, binaries, dates.
 * @param maxNesting The maximum number of containers around a value, with those of the batch.
 * @returns The fault; undefined if there is none.
 */
export function scanMsgpack(bytes: Uint8Array, maxNodes: number, maxNesting: number): string | undefined {
  let depth = 0;
  let values = 1;
  let nodes = 0;
  let at = 0;

  for (;;) {
    while (values === 0) {
      if (depth === 0) return at === bytes.length ? undefined : 'bytes after the end';
      values = outer[--depth] as number;
    }
    values--;
    if (at >= bytes.length) return 'truncated';
    const token = bytes[at++] as number;
    if (token < 0x80 || token >= 0xe0) continue;

    let kind = token < 0x90 ? MAP : token < 0xa0 ? ARRAY : SCALAR;
    let length = token & (token < 0xa0 ? 0x0f : 0x1f);
    if (token >= 0xc0) {
      kind = KINDS[token - 0xc0] as number;
      length = WIDTHS[token - 0xc0] as number;
      if (kind === OTHER) {
        length = extensionLength(bytes, at);
        if (length === 0) return `unknown token or extension 0x${token.toString(16)}`;
      } else if (kind === BINARY || token >= 0xd9) {
        const width = length;
        length = readInteger(bytes, at, width);
        at += width;
      }
    }

    if (kind === ARRAY || kind === MAP) {
      if (depth === maxNesting) return `nesting deeper than ${maxNesting} levels`;
      outer[depth++] = values;
      values = kind === MAP ? 2 * length : length;
      nodes += kind === MAP ? 1 + length : 1;
    } else {
      at += length;
      if (kind === BINARY || kind === OTHER) nodes++;
    }
    if (nodes > maxNodes) return `more than ${maxNodes} nodes`;
    if (at > bytes.length) return 'truncated';
  }
}

/** Returns the length behind the token of `undefined` (type 0) or a date (type -1); else 0. */
function extensionLength(bytes: Uint8Array, at: number): number {
  const token = bytes[at - 1];
  const type = bytes[at];
  if (token === 0xd4 && type === 0) return 2;
  if (token === 0xd6 && type === 0xff) return 5;
  if (token === 0xd7 && type === 0xff) return 9;
  if (token === 0xc7 && type === 12 && bytes[at + 1] === 0xff && isDate(bytes, at + 2)) return 14;
  return 0;
}

/** A 96-bit timestamp may be out of the range of a Date. */
function isDate(bytes: Uint8Array, at: number): boolean {
  const nanoseconds = readInteger(bytes, at, 4) | 0;
  const seconds = (readInteger(bytes, at + 4, 4) | 0) * 2 ** 32 + readInteger(bytes, at + 8, 4);
  return Math.abs(nanoseconds / 1e6 + seconds * 1_000) <= 8.64e15;
}

function readInteger(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let index = at; index < at + width; index++) value = value * 256 + (bytes[index] ?? 0);
  return value;
}
