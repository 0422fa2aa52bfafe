import type { SchedulerLike } from 'rxjs';
import { anything, notNegative, positive, whole, type OptionTable } from '../../message/options/readOptions.js';
import type { Wire } from '../wire.js';

export interface PoolOptions<W extends Wire = Wire> {
  /** Opens a wire, as `() => connect({ link })` does. */
  readonly open: () => W;
  /** The minimum number of wires, also when none is used. @default 1 */
  readonly min?: number;
  /** The maximum number of wires. @default 10 */
  readonly max?: number;
  /** How long a caller of `acquire` waits for a wire, in ms. @default 30_000 */
  readonly acquireTimeout?: number;
  /** Callers that may wait at once. @default 1_000 */
  readonly maxWaiting?: number;
  /** How long a wire above `min` may be idle before it is closed, in ms. @default 60_000 */
  readonly idleTimeout?: number;
  /** How long the wires may take to close before they are unsubscribed, in ms. @default 10_000 */
  readonly drainTimeout?: number;
  /** The delay before a failed wire is replaced, in ms; doubled with each failure. @default 500 */
  readonly initialInterval?: number;
  /** The maximum of this delay, in ms. @default 30_000 */
  readonly maxInterval?: number;
  /** The source of the time. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
  /** The source of randomness, which shortens the delay by up to a half. @default Math.random */
  readonly random?: () => number;
}

/** The rules and defaults of the options above. */
export const POOL_OPTIONS = {
  min: [anything, 1],
  max: [whole, 10],
  acquireTimeout: [positive, 30_000],
  maxWaiting: [whole, 1_000],
  idleTimeout: [positive, 60_000],
  drainTimeout: [notNegative, 10_000],
  initialInterval: [positive, 500],
  maxInterval: [positive, 30_000],
} as const satisfies OptionTable<PoolOptions>;

/** A wire that belongs to the caller until the caller releases it. */
export interface Lease<W extends Wire = Wire> {
  readonly wire: W;
  /** Returns the wire to the pool. Further calls have no effect. */
  readonly release: () => void;
  /** Closes the wire. The pool opens another one if it is needed. */
  readonly discard: () => void;
}

/** The state of a pool at one moment. */
export interface PoolState {
  /** Wires in any state. */
  readonly size: number;
  /** Wires that are connected and not in use. */
  readonly idle: number;
  /** Wires in use. */
  readonly leased: number;
  /** Callers that wait for a wire. */
  readonly waiting: number;
  readonly isDestroyed: boolean;
}
