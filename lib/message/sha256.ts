/** The number of bytes that are hashed at a time. */
const BLOCK = 64;
const LENGTH_AT = BLOCK - 8;

interface Constants {
  /** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
  readonly k: Uint32Array;
  /** The same of the square roots of the first 8 primes. */
  readonly h: Uint32Array;
}

let constants: Constants | undefined;

/** Computes the constants, as FIPS 180-4 defines them: their digits would be most of this file. */
function createConstants(): Constants {
  const [k, h] = [new Uint32Array(64), new Uint32Array(8)];
  // A double holds 53 bits: enough for these roots, which are below 8 and 5.
  const bits = (root: number): number => (root % 1) * 2 ** 32;
  for (let candidate = 2, found = 0; found < k.length; candidate++) {
    if (!isPrime(candidate)) continue;
    if (found < h.length) h[found] = bits(Math.sqrt(candidate));
    k[found++] = bits(Math.cbrt(candidate));
  }
  return { k, h };
}

function isPrime(candidate: number): boolean {
  for (let factor = 2; factor * factor <= candidate; factor++) if (candidate % factor === 0) return false;
  return true;
}

/**
 * Returns the SHA-256 (FIPS 180-4) of bytes, as 32 bytes. It is synchronous, and works in each
 * runtime; where a result may come later, WebCrypto is faster.
 */
export function sha256(bytes: Uint8Array): Uint8Array {
  const { k, h } = (constants ??= createConstants());
  const state = h.slice();
  const words = new Uint32Array(64);
  const padded = pad(bytes);
  const view = new DataView(padded.buffer);
  for (let start = 0; start < padded.length; start += BLOCK) compress(state, words, view, start, k);

  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setUint32(4 * index, word));
  return new Uint8Array(digest.buffer);
}

/** Appends a one bit, zeros, and the length in bits, up to a whole number of blocks. */
function pad(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = bytes;
  const padded = new Uint8Array(Math.ceil((length + BLOCK - LENGTH_AT + 1) / BLOCK) * BLOCK);
  padded.set(bytes);
  padded[length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(padded.length - 4, length << 3);
  return padded;
}

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** Hashes one block into the state. The names are those of the standard. */
function compress(state: Uint32Array, w: Uint32Array, block: DataView, start: number, k: Uint32Array): void {
  for (let t = 0; t < 16; t++) w[t] = block.getUint32(start + 4 * t);
  for (let t = 16; t < 64; t++) {
    const [early, late] = [w[t - 15] as number, w[t - 2] as number];
    const s0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
    const s1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
    w[t] = s1 + (w[t - 7] as number) + s0 + (w[t - 16] as number);
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let t = 0; t < 64; t++) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const t1 = (h + sum1 + choice + (k[t] as number) + (w[t] as number)) | 0;
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + sum0 + majority) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => (state[index] = (state[index] as number) + word));
}
