import { ProtocolError } from '../errors.js';
import { createRing } from '../internal/ring.js';
import { MAX_BATCH } from './frames.js';

export interface HoldingOptions {
  /** Messages that may be accepted and not processed. */
  readonly window: number;
  /** Bytes of frames that may be; of text, the characters. */
  readonly windowBytes: number;
}

/** What is accepted and not processed, and how much of that the other side may send. docs/protocol.md, "The window". */
export interface Holding {
  /**
   * A batch comes, when all up to `done` is processed. When that is all before it, it may be of any size.
   *
   * @throws {ProtocolError} When it is more than was allowed.
   */
  take(first: number, count: number, size: number, done: number): void;
  /** @throws {ProtocolError} When one of the numbers that are skipped is beyond all that may come. */
  check(skipped: readonly number[], done: number): void;
}

export function createHolding({ window, windowBytes }: HoldingOptions): Holding {
  /** A batch that is larger than the window may come, alone: so may the numbers of all of it. */
  const reach = Math.max(window, MAX_BATCH);
  const frames = createRing<{ readonly last: number; readonly size: number }>();
  let bytes = 0;

  return {
    take(first, count, size, done) {
      for (let frame = frames.peek(); frame && frame.last <= done; frame = frames.peek()) {
        frames.shift();
        bytes -= frame.size;
      }
      const last = first + count - 1;
      bytes += size;
      if (first > done + 1 && (last > done + window || bytes > windowBytes)) throw new ProtocolError('more than the window');
      frames.push({ last, size });
    },
    check(skipped, done) {
      if (skipped.some((number) => number > done + reach)) throw new ProtocolError('more than the window');
    },
  };
}
