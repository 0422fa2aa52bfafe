import type { SchedulerLike } from 'rxjs';
import { positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import { Bucket, sweep } from './rateLimit.js';

/**
 * How many connections one address may open. An IPv6 address counts with all addresses of its /64.
 * A connection that the server closes with 4429 costs a quarter of `burst`. An address that stays
 * above 16 times its rate is blocked until it stops.
 */
export interface ConnectionRate {
  /** Connections per second, in the long run. @default 20 */
  readonly perSecond?: number;
  /** Connections at once, after a pause. @default 100 */
  readonly burst?: number;
}

const CONNECTION_RATE_OPTIONS = {
  perSecond: [positive, 20],
  burst: ['>= 1', 100],
} as const satisfies OptionTable<ConnectionRate>;

/** @throws {RangeError} When a number is out of range. */
export function readConnectionRate(owner: string, rate: ConnectionRate): Required<ConnectionRate> {
  return readOptions(owner, rate, CONNECTION_RATE_OPTIONS);
}

/**
 * The tokens that each refusal costs. An address that stays above 16 times its rate gets into debt,
 * and is refused until it stops. Clients that share an address and retry with a backoff stay far
 * below that rate.
 */
const REFUSAL_COST = 1 / 16;

/**
 * How much more each refusal costs than the one before, since the address was last accepted: a
 * flood is blocked after some 300 refusals.
 */
const GROWTH = 1 / 1_024;

/**
 * The part of the burst that a connection costs that is closed as a flood (4429): the client may
 * not open another one each time.
 */
const FLOOD_COST = 1 / 4;

/**
 * The part of the burst that is the debt from which on connections of the address are closed
 * unread.
 */
const BLOCKED = 1 / 2;

/**
 * The maximum number of addresses. An address that is forgotten begins with a full bucket, as an
 * unknown address does.
 */
const MAX_ADDRESSES = 10_000;

class AddressBucket extends Bucket {
  /** The number of refusals since the address was last accepted. */
  refusals = 0;
  isReported = false;
}

/** Limits the rate at which each address opens connections. */
export function createConnectionLimiter({ perSecond, burst }: Required<ConnectionRate>, scheduler: SchedulerLike) {
  const buckets = new Map<string, AddressBucket>();
  const add = (address: string): AddressBucket => {
    sweep(buckets, (bucket) => bucket.isFull());
    const [oldest] = buckets.size >= MAX_ADDRESSES ? buckets.keys() : [];
    if (oldest !== undefined) buckets.delete(oldest);
    const bucket = new AddressBucket(perSecond, burst, scheduler);
    buckets.set(address, bucket);
    return bucket;
  };

  return {
    perSecond,
    /**
     * Takes a token of an address. Returns 0 when there was one; otherwise the time until there is
     * one, in ms.
     */
    take(address: string): number {
      const bucket = buckets.get(address) ?? add(address);
      if (bucket.take(1) === 0) {
        punish(bucket);
        return bucket.wait(1);
      }
      bucket.refusals = 0;
      bucket.isReported = false;
      return 0;
    },
    /** Returns whether this is the first refusal of the address since `take` last accepted it. */
    isNews(address: string): boolean {
      const bucket = buckets.get(address);
      if (!bucket || bucket.refusals === 0 || bucket.isReported) return false;
      return (bucket.isReported = true);
    },
    /**
     * Returns whether an address has so much debt that its connections are not worth an answer. If
     * so, the debt grows.
     */
    isBlocked(address: string): boolean {
      const bucket = buckets.get(address);
      if (!bucket || bucket.refusals === 0 || bucket.fill() > -burst * BLOCKED) return false;
      punish(bucket);
      return true;
    },
    /** Takes a part of the burst of an address: one of its connections was closed as a flood. */
    charge: (address: string): void => buckets.get(address)?.charge(burst * FLOOD_COST),
  };
}

function punish(bucket: AddressBucket): void {
  bucket.charge(REFUSAL_COST + bucket.refusals++ * GROWTH);
}
