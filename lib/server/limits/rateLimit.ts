import { noop, type SchedulerLike } from 'rxjs';
import { assertKnown } from '../../internal/assertKnown.js';
import { once } from '../../internal/once.js';
import { positive, readOptions, type OptionTable } from '../../internal/readOptions.js';

/**
 * How many messages a principal may send. Without `authenticate`, the limit applies to each client.
 */
export interface RateLimit {
  /** Messages per second, in the long run. @default 100 */
  readonly perSecond?: number;
  /** Messages at once, after a pause. @default 200 */
  readonly burst?: number;
}

const RATE_LIMIT_OPTIONS = {
  perSecond: [positive, 100],
  burst: [(burst) => (burst as number) >= 2 || '>= 2', 200],
} as const satisfies OptionTable<RateLimit>;

/** A token bucket. */
export interface Bucket {
  /** Takes up to `count` tokens, and returns how many there were. */
  readonly take: (count: number) => number;
  /** Returns the time until the bucket has `count` tokens, or is full, in ms. */
  readonly wait: (count: number) => number;
  readonly isFull: () => boolean;
}

/** The rate limits of all clients of a server. */
export interface Rates {
  /** Messages of one client that may be in flight. */
  readonly window: number;
  readonly perSecond: number;
  /**
   * Returns the bucket of a principal, for one more of its wires; for an anonymous client, a new
   * bucket.
   */
  readonly enter: (owner: string | undefined) => SharedBucket;
}

/** A bucket that several wires of a principal share. */
export interface SharedBucket extends Bucket {
  /** To be called when the wire has ended. */
  readonly leave: () => void;
}

/** Buckets that are checked whenever a wire is added: those that are full are removed. */
const SWEEP = 2;

/**
 * @throws {RangeError} When a number is out of range.
 * @throws {TypeError} When an option is unknown.
 */
export function readRateLimit(owner: string, limit: RateLimit): Required<RateLimit> {
  assertKnown(`${owner}: "rateLimit"`, limit, RATE_LIMIT_OPTIONS);
  return readOptions(owner, limit, RATE_LIMIT_OPTIONS);
}

/**
 * Half of the burst becomes the receive window: a client may send that much before it receives an
 * ack. The other half becomes the size of the bucket.
 */
export function createRates({ perSecond, burst }: Required<RateLimit>, window: number, scheduler: SchedulerLike): Rates {
  const unacked = Math.min(window, Math.floor(burst / 2));
  const make = (): Bucket => createBucket(perSecond, burst - unacked, scheduler);
  const all = new Map<string, { readonly bucket: Bucket; users: number }>();
  /**
   * Removes full buckets that no wire uses. A bucket that is not full stays: a principal that
   * returns must not get a full one.
   */
  const sweep = (): void => {
    let seen = 0;
    for (const [owner, entry] of all) {
      if (seen++ === SWEEP) return;
      all.delete(owner);
      if (entry.users > 0 || !entry.bucket.isFull()) all.set(owner, entry);
    }
  };
  return {
    window: unacked,
    perSecond,
    enter(owner) {
      if (owner === undefined) return { ...make(), leave: noop };
      sweep();
      const entry = all.get(owner) ?? { bucket: make(), users: 0 };
      entry.users++;
      all.set(owner, entry);
      return { ...entry.bucket, leave: once(() => entry.users--) };
    },
  };
}

export function createBucket(perSecond: number, size: number, scheduler: SchedulerLike): Bucket {
  let left = size;
  let at = scheduler.now();
  const fill = (): number => {
    const now = scheduler.now();
    left = Math.min(size, left + (Math.max(0, now - at) * perSecond) / 1_000);
    at = now;
    return left;
  };
  return {
    take(count) {
      const taken = Math.min(count, Math.floor(fill()));
      left -= taken;
      return taken;
    },
    wait: (count) => Math.max(0, Math.ceil(((Math.min(count, size) - fill()) * 1_000) / perSecond)),
    isFull: () => fill() >= size,
  };
}
