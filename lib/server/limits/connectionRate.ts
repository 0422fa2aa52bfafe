import type { SchedulerLike } from 'rxjs';
import { positive, readOptions, type OptionTable } from '../../internal/readOptions.js';

/**
 * How many connections one address may open. An IPv6 address counts with all addresses of its /64.
 */
export interface ConnectionRate {
  /** Connections per second, in the long run. @default 20 */
  readonly perSecond?: number;
  /** Connections at once, after a pause. @default 100 */
  readonly burst?: number;
}

const CONNECTION_RATE_OPTIONS = {
  perSecond: [positive, 20],
  burst: [(burst) => (burst as number) >= 1 || '>= 1', 100],
} as const satisfies OptionTable<ConnectionRate>;

/** Limits the rate at which each address opens connections. */
export interface ConnectionLimiter {
  readonly perSecond: number;
  /**
   * Takes a token of an address. Returns 0 when there was one; otherwise the time until there is
   * one, in ms.
   */
  take(address: string): number;
  /**
   * Returns whether this is the first refusal of the address since `take` last accepted it.
   */
  isNews(address: string): boolean;
  /**
   * Returns whether an address has so much debt that its connections are not worth an answer. If
   * so, the debt grows.
   */
  isBlocked(address: string): boolean;
  /** Takes a part of the burst of an address: one of its connections was closed as a flood. */
  charge(address: string): void;
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

/**
 * The addresses that are checked whenever another one is added: those whose bucket is full are
 * removed.
 */
const SWEEP = 2;

interface AddressBucket {
  /** Negative when the address has debt: `-burst` at least. */
  tokens: number;
  /** The time of the last change. */
  at: number;
  /** The number of refusals since the address was last accepted. */
  refusals: number;
  isReported: boolean;
}

/** @throws {RangeError} When a number is out of range. */
export function readConnectionRate(owner: string, rate: ConnectionRate): Required<ConnectionRate> {
  return readOptions(owner, rate, CONNECTION_RATE_OPTIONS);
}

export function createConnectionLimiter({ perSecond, burst }: Required<ConnectionRate>, scheduler: SchedulerLike): ConnectionLimiter {
  const buckets = new Map<string, AddressBucket>();

  /** Adds the tokens of the time since the last change. */
  const refill = (bucket: AddressBucket): AddressBucket => {
    const now = scheduler.now();
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * perSecond) / 1_000);
    bucket.at = now;
    return bucket;
  };
  const sweep = (): void => {
    let seen = 0;
    for (const [address, bucket] of buckets) {
      if (seen++ === SWEEP) break;
      buckets.delete(address);
      if (refill(bucket).tokens < burst) buckets.set(address, bucket);
    }
    const [oldest] = buckets.size >= MAX_ADDRESSES ? buckets.keys() : [];
    if (oldest !== undefined) buckets.delete(oldest);
  };
  const add = (address: string): AddressBucket => {
    sweep();
    const bucket = { tokens: burst, at: scheduler.now(), refusals: 0, isReported: false };
    buckets.set(address, bucket);
    return bucket;
  };
  const take = (bucket: AddressBucket, tokens: number): void => void (bucket.tokens = Math.max(-burst, bucket.tokens - tokens));
  const punish = (bucket: AddressBucket): void => {
    take(bucket, REFUSAL_COST + bucket.refusals++ * GROWTH);
  };

  return {
    perSecond,
    take(address) {
      const known = buckets.get(address);
      const bucket = known ? refill(known) : add(address);
      if (bucket.tokens >= 1) {
        bucket.tokens--;
        bucket.refusals = 0;
        bucket.isReported = false;
        return 0;
      }
      punish(bucket);
      return ((1 - bucket.tokens) * 1_000) / perSecond;
    },
    isNews(address) {
      const bucket = buckets.get(address);
      if (!bucket || bucket.refusals === 0 || bucket.isReported) return false;
      return (bucket.isReported = true);
    },
    isBlocked(address) {
      const bucket = buckets.get(address);
      if (!bucket || bucket.refusals === 0 || refill(bucket).tokens > -burst * BLOCKED) return false;
      punish(bucket);
      return true;
    },
    charge(address) {
      const bucket = buckets.get(address);
      if (bucket) take(refill(bucket), burst * FLOOD_COST);
    },
  };
}
