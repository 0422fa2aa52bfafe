import type { StreamEntry } from './streamEntry.js';

/** The epoch of the entries that tails receive. */
export interface TailEpoch {
  /**
   * Returns the epoch of an entry. If it may differ from the epoch of the earlier entries, requests
   * a check and returns undefined.
   */
  readonly of: (entry: Pick<StreamEntry, 'epoch'>) => string | undefined;
  /** Reports the epoch of the stream. Returns whether the entries before belong to another one. */
  readonly set: (epoch: string) => boolean;
  readonly forget: () => void;
}

/** @param onDoubt Called when an entry has another epoch. */
export function createTailEpoch(onDoubt: () => void): TailEpoch {
  let current: string | undefined;
  /**
   * The latest epoch that differs. A check has shown that it is out of date: its writer knew no
   * newer one.
   */
  let outdated: string | undefined;
  let doubted: string | undefined;
  return {
    of({ epoch }) {
      current ??= epoch;
      if (current !== undefined && (epoch === undefined || epoch === current || epoch === outdated)) return current;
      doubted = epoch;
      onDoubt();
      return undefined;
    },
    set(epoch) {
      const isOther = current !== undefined && current !== epoch;
      [current, outdated, doubted] = [epoch, isOther ? undefined : (doubted ?? outdated), undefined];
      return isOther;
    },
    forget: () => void (current = outdated = doubted = undefined),
  };
}
