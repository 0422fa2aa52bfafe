import type { StreamEntry } from './streamEntry.js';

export type TailEpoch = ReturnType<typeof createTailEpoch>;

/**
 * The epoch of the entries that tails receive.
 * @param onDoubt Called when an entry has another epoch.
 */
export function createTailEpoch(onDoubt: () => void) {
  let current: string | undefined;
  /**
   * The latest epoch that differs. A check has shown that it is out of date: its writer knew no
   * newer one.
   */
  let outdated: string | undefined;
  let doubted: string | undefined;
  return {
    /**
     * Returns the epoch of an entry. If it may differ from the epoch of the earlier entries,
     * requests a check and returns undefined.
     */
    of({ epoch }: Pick<StreamEntry, 'epoch'>): string | undefined {
      current ??= epoch;
      if (current !== undefined && (epoch === undefined || epoch === current || epoch === outdated)) return current;
      doubted = epoch;
      onDoubt();
      return undefined;
    },
    /**
     * Begins a check. Returns a function that takes its result, the epoch of the stream, and
     * returns whether the entries before belong to another one. Entries that arrive during a check
     * may belong to a newer epoch than its result.
     */
    check() {
      const [known, asked] = [current, doubted];
      return (epoch: string): boolean => {
        if (current !== known && current !== epoch) {
          onDoubt();
          return false;
        }
        const isOther = known !== undefined && known !== epoch;
        [current, outdated] = [epoch, isOther ? undefined : (asked ?? outdated)];
        if (doubted === asked) doubted = undefined;
        return isOther;
      };
    },
    forget: (): void => void (current = outdated = doubted = undefined),
  };
}
