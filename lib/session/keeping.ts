import type { RxwireError } from '../errors.js';
import { chain, type Later } from '../internal/later.js';
import { bury, type Batch } from './batches.js';
import type { Flight } from './flight.js';
import type { Ledger } from './ledger.js';
import type { Storing } from './storing.js';

/** Encodes what has got its numbers. */
export type MakeBatches = () => Later<readonly Batch[]>;

/** Stores batches that have got their numbers; then they may be sent. One call at a time. */
export interface Keeping {
  /** What is being written just now, or what is still stored while it is encoded anew: what of it will be there is not known. */
  writing: readonly Batch[];
  /** @param write Answers with those that are stored. */
  run(make: MakeBatches, write: (batches: readonly Batch[]) => Later<readonly Batch[]>): void;
}

/** @param onStored Told of batches that are stored. */
export function createKeeping(
  { flight, ledger }: { readonly flight: Flight; readonly ledger: Ledger },
  storing: Storing,
  onStored: (batches: readonly Batch[]) => void,
): Keeping {
  const keeping: Keeping = {
    writing: [],
    run(make, write) {
      const makeAndWrite = (): Later<readonly Batch[]> =>
        chain(make(), (batches) => {
          keeping.writing = batches;
          return write(batches);
        });
      const stored = (batches: readonly Batch[]): void => {
        keeping.writing = [];
        batches.forEach(flight.add);
        onStored(batches);
      };
      const failed = (error: unknown): void => {
        const lost = keeping.writing;
        keeping.writing = [];
        bury(lost, error as RxwireError, ledger);
      };
      storing.run(makeAndWrite, stored, failed);
    },
  };
  return keeping;
}
