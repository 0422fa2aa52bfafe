import { noop, type SchedulerLike } from 'rxjs';
import { assertPositive } from '../internal/assert.js';
import { once } from '../internal/once.js';

/** How many messages a principal may send; or, where nobody is asked who it is, a client. */
export interface RateLimit {
  /** In a second, for as long as it likes. @default 100 */
  readonly perSecond?: number;
  /** At once. @default 200 */
  readonly burst?: number;
}

/** What one principal may still send: what it does not use is kept, up to a point. */
export interface Bucket {
  /** Takes as much of that as there is; answers how much. */
  readonly take: (count: number) => number;
  /** In how many ms there is this much, or the bucket is full. */
  readonly wait: (count: number) => number;
  readonly isFull: () => boolean;
}

/** What all of them may still send. */
export interface Rates {
  /** Messages that may be on their way from one client, unacked. */
  readonly window: number;
  readonly perSecond: number;
  /** The bucket of this principal, for one more of its wires; one of its own for whoever is nobody. */
  readonly enter: (owner: string | undefined) => SharedBucket;
}

/** A bucket that other wires may have, too. */
export interface SharedBucket extends Bucket {
  /** The wire has ended. */
  readonly leave: () => void;
}

/** Buckets that are full again are found out so many at a time. */
const SWEEP = 2;

/** @throws {RangeError} When a number is out of range. */
export function checkRateLimit(owner: string, { perSecond, burst = 2 }: RateLimit): void {
  assertPositive(owner, { perSecond });
  if (!(burst >= 2)) throw new RangeError(`${owner}: "burst" must be >= 2, got ${burst}`);
}

/** Of what comes at once, half is on its way before it is acked. */
export function createRates({ perSecond = 100, burst = 200 }: RateLimit, window: number, scheduler: SchedulerLike): Rates {
  const unacked = Math.min(window, Math.floor(burst / 2));
  const make = (): Bucket => createBucket(perSecond, burst - unacked, scheduler);
  const all = new Map<string, { readonly bucket: Bucket; users: number }>();
  /** A full one is as good as a new one; who leaves and comes back before finds what it has left. */
  const sweep = (): void => {
    let seen = 0;
    for (const [owner, entry] of all) {
      if (seen++ === SWEEP) return;
      all.delete(owner);
      if (entry.users > 0 || !entry.bucket.isFull()) all.set(owner, entry);
    }
  };
  return {
    ...{ window: unacked, perSecond },
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
    left = Math.min(size, left + ((now - at) * perSecond) / 1_000);
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
