import { noop, type SchedulerLike } from 'rxjs';
import { once } from '../../message/once.js';
import { positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';

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
  burst: ['>= 2', 200],
} as const satisfies OptionTable<RateLimit>;

/** A token bucket. */
export class Bucket {
  readonly #perSecond: number;
  readonly #size: number;
  readonly #scheduler: SchedulerLike;
  /** Negative if the bucket has debt: `-size` at least. */
  #left: number;
  #at: number;

  constructor(perSecond: number, size: number, scheduler: SchedulerLike) {
    this.#perSecond = perSecond;
    this.#size = this.#left = size;
    this.#scheduler = scheduler;
    this.#at = scheduler.now();
  }

  /** Adds the tokens of the time since the last call, and returns how many there are. */
  fill(): number {
    const now = this.#scheduler.now();
    this.#left = Math.min(this.#size, this.#left + (Math.max(0, now - this.#at) * this.#perSecond) / 1_000);
    this.#at = now;
    return this.#left;
  }
  /** Takes up to `count` tokens, and returns how many there were. */
  take(count: number): number {
    const taken = Math.max(0, Math.min(count, Math.floor(this.fill())));
    this.#left -= taken;
    return taken;
  }
  /** Takes tokens that the bucket may not have. */
  charge(tokens: number): void {
    this.#left = Math.max(-this.#size, this.fill() - tokens);
  }
  /** Returns the time until the bucket has `count` tokens, or is full, in ms. */
  wait(count: number): number {
    return Math.max(0, Math.ceil(((Math.min(count, this.#size) - this.fill()) * 1_000) / this.#perSecond));
  }
  isFull(): boolean {
    return this.fill() >= this.#size;
  }
}

/** Entries that are checked whenever one is added. */
const SWEEP = 2;

/** Removes the oldest entries that are not needed any more, to be called before one is added. */
export function sweep<T>(all: Map<string, T>, isIdle: (entry: T) => boolean): void {
  let seen = 0;
  for (const [key, entry] of all) {
    if (seen++ === SWEEP) return;
    all.delete(key);
    if (!isIdle(entry)) all.set(key, entry);
  }
}

/**
 * @throws {RangeError} When a number is out of range.
 * @throws {TypeError} When an option is unknown.
 */
export function readRateLimit(owner: string, limit: RateLimit): Required<RateLimit> {
  return readOptions(owner, limit, RATE_LIMIT_OPTIONS);
}

/** The rate limits of all clients of a server. */
export type Rates = ReturnType<typeof createRates>;

/**
 * Half of the burst becomes the receive window: a client may send that much before it receives an
 * ack. The other half becomes the size of the bucket.
 */
export function createRates({ perSecond, burst }: Required<RateLimit>, maxWindow: number, scheduler: SchedulerLike) {
  const window = Math.min(maxWindow, Math.floor(burst / 2));
  const make = (): Bucket => new Bucket(perSecond, burst - window, scheduler);
  const all = new Map<string, { readonly bucket: Bucket; users: number }>();
  return {
    /** Messages of one client that may be in flight. */
    window,
    perSecond,
    /**
     * Returns the bucket that the wires of a principal share, for one more of them; for an
     * anonymous client, a new one. `leave` is to be called when the wire has ended.
     */
    enter(owner: string | undefined): { readonly bucket: Bucket; readonly leave: () => void } {
      if (owner === undefined) return { bucket: make(), leave: noop };
      // A principal that returns must not get a full bucket in place of its own.
      sweep(all, ({ users, bucket }) => users === 0 && bucket.isFull());
      const entry = all.get(owner) ?? { bucket: make(), users: 0 };
      entry.users++;
      all.set(owner, entry);
      return { bucket: entry.bucket, leave: once(() => entry.users--) };
    },
  };
}
