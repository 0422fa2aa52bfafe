import { noop, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, PeerGoneError } from '../../message/errors.js';
import { createKeyedCounts } from '../limits/keyedCounts.js';
import { CloseCode } from '../../message/closeCode.js';

/** A client that counts against the quota. */
export interface QuotaUser {
  /** The id of the principal; `undefined` for an anonymous client. */
  readonly owner: string | undefined;
  /** The principal of the client, or the address of an anonymous client: see {@link groupOf}. */
  readonly group: string;
  /** The time at which the client was lost. */
  readonly goneAt: number;
  end(reason: { readonly error: PeerGoneError }): void;
}

/** The options of these names are in `serverOptions.ts`, with their default values. */
interface QuotaOptions {
  readonly maxDetached: number;
  readonly maxPerPrincipal: number;
  readonly maxDetachedPerPrincipal: number;
  readonly scheduler: SchedulerLike;
}

/** Limits the wires of each principal, and the wires that wait for their clients. */
export type Quota = ReturnType<typeof createQuota>;

/**
 * Creates the quota. When too many wires wait for their clients, a wire of the principal or address
 * that has most of them ends: the one that has waited longest. So another one cannot end the wires
 * of others. When too many wires of one principal wait, the one that has waited longest ends.
 */
export function createQuota({ maxDetached, maxPerPrincipal, maxDetachedPerPrincipal, scheduler }: QuotaOptions) {
  const taken = createKeyedCounts();
  const all = createFairEviction<QuotaUser>(maxDetached);
  const ofOwner = new Map<string, FairEviction<QuotaUser>>();
  /** Returns false if the user itself is evicted. */
  const add = (user: QuotaUser, group: string, detached: FairEviction<QuotaUser>): boolean => {
    const evicted = detached.add(user, group);
    evicted?.end({ error: new PeerGoneError(scheduler.now() - evicted.goneAt) });
    return evicted !== user;
  };

  return {
    /**
     * Counts a wire of a principal. Returns a function that ends the count, to be called once. The
     * number of anonymous wires is not limited.
     *
     * @throws {ConnectionLostError} When the principal has `maxPerPrincipal` wires.
     */
    take(owner: string | undefined): () => void {
      if (owner === undefined) return noop;
      if (taken.of(owner) >= maxPerPrincipal) throw new ConnectionLostError(CloseCode.TRY_AGAIN_LATER, 'the principal has too many wires');
      return taken.add(owner);
    },
    onDetached(user: QuotaUser): void {
      const { owner } = user;
      if (!add(user, user.group, all) || owner === undefined) return;
      const mine = ofOwner.get(owner) ?? createFairEviction<QuotaUser>(maxDetachedPerPrincipal);
      ofOwner.set(owner, mine);
      add(user, '', mine);
    },
    onAttached(user: QuotaUser): void {
      all.remove(user);
      const mine = user.owner === undefined ? undefined : ofOwner.get(user.owner);
      mine?.remove(user);
      if (mine?.size === 0) ofOwner.delete(user.owner as string);
    },
  };
}

/** Returns whom a client counts for: its principal, or the address of an anonymous client. */
export function groupOf(owner: string | undefined, address: string): string {
  return owner === undefined ? `address ${address}` : `principal ${owner}`;
}

type FairEviction<T> = ReturnType<typeof createFairEviction<T>>;

/**
 * Creates a bounded set of items, each of which belongs to a group. When it is full, the group with
 * the most items loses its oldest item: no group can evict the items of a smaller one. Each call
 * takes constant time.
 */
export function createFairEviction<T>(maxSize: number) {
  const groupOfItem = new Map<T, string>();
  /** The items of each group, the oldest first. */
  const groups = new Map<string, Set<T>>();
  /** The groups of each size. */
  const bySize: Set<string>[] = [];
  let largest = 0;

  const resized = (group: string, from: number, to: number): void => {
    bySize[from]?.delete(group);
    if (to > 0) (bySize[to] ??= new Set()).add(group);
    else groups.delete(group);
    largest = Math.max(largest, to);
    // A size changes by one at a time.
    if (from === largest && bySize[from]?.size === 0) {
      bySize.length = from;
      largest = from - 1;
    }
  };
  const remove = (item: T): void => {
    const group = groupOfItem.get(item);
    const items = group === undefined ? undefined : groups.get(group);
    if (group === undefined || !items) return;
    groupOfItem.delete(item);
    items.delete(item);
    resized(group, items.size + 1, items.size);
  };
  return {
    get size() {
      return groupOfItem.size;
    },
    /**
     * Adds an item. Returns the item that must go, which may be the new one: it is removed already.
     */
    add(item: T, group: string): T | undefined {
      remove(item);
      const items = groups.get(group) ?? new Set<T>();
      groups.set(group, items);
      groupOfItem.set(item, group);
      items.add(item);
      resized(group, items.size - 1, items.size);
      if (groupOfItem.size <= maxSize) return undefined;
      const [from = group] = bySize[largest] ?? [];
      const [oldest] = groups.get(from) ?? [];
      if (oldest !== undefined) remove(oldest);
      return oldest;
    },
    remove,
  };
}
