import { seeded } from '../support/seeded.js';

type Frame = string | Uint8Array;

/** `count` frames that were good once: cut, doubled, overwritten, joined. The same ones in each run with that seed. */
export function* mutations(frames: readonly Frame[], count: number, seed = 1): Generator<Frame> {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);

  for (let made = 0; made < count; made++) {
    let frame = frames[below(frames.length)]!;
    const alike = frames.filter((other) => typeof other === typeof frame);
    for (let changes = below(4); changes >= 0; changes--) {
      const at = below(frame.length + 1);
      const size = below(8);
      const other = alike[below(alike.length)]!;
      const from = below(other.length);
      const insert = [() => other.slice(from, from + size), () => frame.slice(at, at + size), () => unit(other, below(256))][below(3)]!();
      const skip = [0, size, insert.length, frame.length][below(4)]!;
      frame = join(frame.slice(0, at), insert, frame.slice(at + skip));
    }
    yield frame;
  }
}

function unit(like: Frame, code: number): Frame {
  return typeof like === 'string' ? String.fromCharCode(code) : Uint8Array.of(code);
}

function join(...parts: readonly Frame[]): Frame {
  if (parts.every((part) => typeof part === 'string')) return parts.join('');
  return new Uint8Array(Buffer.concat(parts as readonly Uint8Array[]));
}
