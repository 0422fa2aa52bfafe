import { noop, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, PeerGoneError } from '../errors.js';
import { createKeyedCounts } from '../internal/keyedCounts.js';
import { CloseCode } from '../link/closeCode.js';

/** The place of one client, as far as it is looked at here. */
export interface Moored {
  /** Whose it is, where that was asked for. */
  readonly owner: string | undefined;
  vacate(error: PeerGoneError): void;
}

/** The berths there are, and which of them have clients that are away. */
export interface Mooring {
  /**
   * Takes a place for this principal; what is returned gives it up, once. Of nobody in particular there may be any number.
   *
   * @throws {ConnectionLostError} When it has as many as it may.
   */
  moor(owner: string | undefined): () => void;
  readonly onDetached: (berth: Moored) => void;
  readonly onAttached: (berth: Moored) => void;
}

export interface MooringOptions {
  readonly maxDetached: number;
  readonly maxPerPrincipal: number;
  readonly maxDetachedPerPrincipal: number;
  readonly scheduler: SchedulerLike;
}

/** When too many are away, of all or of one principal, the one that is so for longest has its wire ended. */
export function createMooring({ maxDetached, maxPerPrincipal, maxDetachedPerPrincipal, scheduler }: MooringOptions): Mooring {
  const moored = createKeyedCounts();
  const all = createAway(maxDetached, scheduler);
  const ofOwner = new Map<string, ReturnType<typeof createAway>>();

  return {
    moor(owner) {
      if (owner === undefined) return noop;
      if (moored.of(owner) >= maxPerPrincipal) throw new ConnectionLostError(CloseCode.TRY_AGAIN_LATER, 'no more wires of this principal');
      return moored.add(owner);
    },
    onDetached(berth) {
      const { owner } = berth;
      all.add(berth);
      if (owner === undefined) return;
      const mine = ofOwner.get(owner) ?? createAway(maxDetachedPerPrincipal, scheduler);
      ofOwner.set(owner, mine);
      mine.add(berth);
    },
    onAttached(berth) {
      all.remove(berth);
      const mine = berth.owner === undefined ? undefined : ofOwner.get(berth.owner);
      mine?.remove(berth);
      if (mine?.size === 0) ofOwner.delete(berth.owner as string);
    },
  };
}

function createAway(max: number, scheduler: SchedulerLike) {
  // Since when, the longest first.
  const since = new Map<Moored, number>();
  return {
    get size() {
      return since.size;
    },
    add(berth: Moored): void {
      const now = scheduler.now();
      since.set(berth, now);
      if (since.size <= max) return;
      const [[oldest, then] = [berth, now]] = since;
      oldest.vacate(new PeerGoneError(now - then));
    },
    remove: (berth: Moored) => void since.delete(berth),
  };
}
