import { noop, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, PeerGoneError } from '../../errors.js';
import { createKeyedCounts } from '../../internal/keyedCounts.js';
import { CloseCode } from '../../link/closeCode.js';
import type { ServeOptions } from '../serveOptions.js';

/** The place of one client, as far as it is looked at here. */
export interface QuotaUser {
  /** Whose it is, where that was asked for. */
  readonly owner: string | undefined;
  vacate(error: PeerGoneError): void;
}

/** The users there are, and which of them have clients that are away. */
export interface Quota {
  /**
   * Takes a place for this principal; what is returned gives it up, once. Of nobody in particular there may be any number.
   *
   * @throws {ConnectionLostError} When it has as many as it may.
   */
  take(owner: string | undefined): () => void;
  readonly onDetached: (user: QuotaUser) => void;
  readonly onAttached: (user: QuotaUser) => void;
}

export interface QuotaOptions extends Required<Pick<ServeOptions, 'maxDetached' | 'maxPerPrincipal' | 'maxDetachedPerPrincipal'>> {
  readonly scheduler: SchedulerLike;
}

/** When too many are away, of all or of one principal, the one that is so for longest has its wire ended. */
export function createQuota({ maxDetached, maxPerPrincipal, maxDetachedPerPrincipal, scheduler }: QuotaOptions): Quota {
  const taken = createKeyedCounts();
  const all = createAway(maxDetached, scheduler);
  const ofOwner = new Map<string, ReturnType<typeof createAway>>();

  return {
    take(owner) {
      if (owner === undefined) return noop;
      if (taken.of(owner) >= maxPerPrincipal) throw new ConnectionLostError(CloseCode.TRY_AGAIN_LATER, 'no more wires of this principal');
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
  // Since when, the longest first.
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
