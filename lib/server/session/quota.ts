import { noop, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, PeerGoneError } from '../../errors.js';
import { createKeyedCounts } from '../../internal/keyedCounts.js';
import { CloseCode } from '../../link/closeCode.js';

/** A client that counts against the quota. */
export interface QuotaUser {
  /** The id of the principal; `undefined` for an anonymous client. */
  readonly owner: string | undefined;
  vacate(error: PeerGoneError): void;
}

/** Limits the wires of each principal, and the wires that wait for their clients. */
export interface Quota {
  /**
   * Counts a wire of a principal. Returns a function that ends the count, to be called once. The number of anonymous wires is not limited.
   *
   * @throws {ConnectionLostError} When the principal has `maxPerPrincipal` wires.
   */
  take(owner: string | undefined): () => void;
  readonly onDetached: (user: QuotaUser) => void;
  readonly onAttached: (user: QuotaUser) => void;
}

/** The options of the same names are in `serverOptions.ts`, with their default values. */
export interface QuotaOptions {
  readonly maxDetached: number;
  readonly maxPerPrincipal: number;
  readonly maxDetachedPerPrincipal: number;
  readonly scheduler: SchedulerLike;
}

/** Creates the quota. When too many wires wait for their clients, in total or of one principal, the wire that has waited longest ends. */
export function createQuota({ maxDetached, maxPerPrincipal, maxDetachedPerPrincipal, scheduler }: QuotaOptions): Quota {
  const taken = createKeyedCounts();
  const all = createAway(maxDetached, scheduler);
  const ofOwner = new Map<string, ReturnType<typeof createAway>>();

  return {
    take(owner) {
      if (owner === undefined) return noop;
      if (taken.of(owner) >= maxPerPrincipal) throw new ConnectionLostError(CloseCode.TRY_AGAIN_LATER, 'the principal has too many wires');
      return taken.add(owner);
    },
    onDetached(user) {
      const { owner } = user;
      all.add(user);
      if (owner === undefined) return;
      const mine = ofOwner.get(owner) ?? createAway(maxDetachedPerPrincipal, scheduler);
      ofOwner.set(owner, mine);
      mine.add(user);
    },
    onAttached(user) {
      all.remove(user);
      const mine = user.owner === undefined ? undefined : ofOwner.get(user.owner);
      mine?.remove(user);
      if (mine?.size === 0) ofOwner.delete(user.owner as string);
    },
  };
}

function createAway(max: number, scheduler: SchedulerLike) {
  // The time at which each client was lost, the earliest first.
  const since = new Map<QuotaUser, number>();
  return {
    get size() {
      return since.size;
    },
    add(user: QuotaUser): void {
      const now = scheduler.now();
      since.set(user, now);
      if (since.size <= max) return;
      const [[oldest, then] = [user, now]] = since;
      oldest.vacate(new PeerGoneError(now - then));
    },
    remove: (user: QuotaUser) => void since.delete(user),
  };
}
