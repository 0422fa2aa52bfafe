import type { SchedulerLike } from 'rxjs';
import type { Wire } from '../wire.js';

export interface PoolOptions<W extends Wire = Wire> {
  /** Opens another wire, as `() => connect({ link })` does. */
  readonly open: () => W;
  /** Wires that there are at any time, also when nobody uses them. @default 1 */
  readonly min?: number;
  /** Wires that there are at most. @default 10 */
  readonly max?: number;
  /** How long who acquires waits for a wire, in ms. @default 10_000 */
  readonly acquireTimeout?: number;
  /** How many may wait. @default 1_000 */
  readonly maxWaiting?: number;
  /** How long a wire that is not one of the `min` may be idle until it is closed, in ms. @default 60_000 */
  readonly idleTimeout?: number;
  /** How long the wires may take to end when the pool is destroyed, in ms: after that they are let go. @default 10_000 */
  readonly drainTimeout?: number;
  /** How long to wait before a wire takes the place of one that has failed, in ms: twice as long each time, until one works. @default 500 */
  readonly initialInterval?: number;
  /** The longest of these waits, in ms. @default 30_000 */
  readonly maxInterval?: number;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** Where chance comes from: it shortens those waits by up to a half. @default Math.random */
  readonly random?: () => number;
}

/** A wire that is yours until you release it. */
export interface Lease<W extends Wire = Wire> {
  readonly wire: W;
  /** Gives the wire back. Calling it again does nothing. */
  readonly release: () => void;
  /** Has the wire closed, and another one opened in its place if there is need for it. */
  readonly discard: () => void;
}

/** How a pool is at one moment. */
export interface PoolState {
  /** Wires, of whatever state. */
  readonly size: number;
  /** Those that are connected, and free. */
  readonly idle: number;
  /** Those that are in use. */
  readonly leased: number;
  /** Who waits for one. */
  readonly waiting: number;
  readonly isDestroyed: boolean;
}
