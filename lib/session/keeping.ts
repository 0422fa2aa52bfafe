import type { StoreError } from '../errors.js';
import { chain, type Later } from '../internal/later.js';
import type { Message } from '../message/types.js';
import type { Batch, Level } from './batches.js';
import type { Flight } from './flight.js';
import type { Ledger } from './ledger.js';
import type { OutboxStore } from './store/outboxStore.js';
import type { Storing } from './storing.js';

export interface KeepingOptions {
  readonly flight: Flight;
  readonly ledger: Ledger;
  readonly store: OutboxStore;
}

/** Messages of one level that are to get their numbers. */
export interface Taken {
  readonly messages: readonly Message[];
  readonly delivery: Level;
}

/** Encodes what has got its numbers. */
export type MakeBatches = () => Later<readonly Batch[]>;

/** Stores batches that have got their numbers; then they may be sent. One call at a time. */
export interface Keeping {
  /** What is being written just now, or what is still stored while it is encoded anew: what of it will be there is not known. */
  readonly writing: readonly Batch[];
  /** Messages that are to get numbers before any others. */
  readonly refused: Taken[];
  append(make: MakeBatches): void;
  /** In the place of all others. */
  replace(acked: number, others: readonly Batch[], make: MakeBatches): void;
}

type OnFailed = (batches: readonly Batch[], error: StoreError) => void;

/** @param onStored Told of batches that are stored. */
export function createKeeping(
  { flight, ledger, store }: KeepingOptions,
  storing: Storing,
  onStored: (batches: readonly Batch[]) => void,
): Keeping {
  const run = (make: MakeBatches, write: (batches: readonly Batch[]) => Later<void>, onFailed: OnFailed): void => {
    const makeAndWrite = (): Later<readonly Batch[]> =>
      chain(make(), (batches) => {
        keeping.writing = batches;
        return chain(write(batches), () => batches);
      });
    const stored = (batches: readonly Batch[]): void => {
      keeping.writing = [];
      batches.forEach(flight.add);
      onStored(batches);
    };
    const failed = (error: unknown): void => {
      const batches = keeping.writing;
      keeping.writing = [];
      onFailed(batches, error as StoreError);
    };
    storing.run(makeAndWrite, stored, failed);
  };
  const bury: OnFailed = (batches, error) => {
    for (const { messages } of batches) for (const { id } of messages) ledger.close(id, 'dead', { error });
  };
  const refuse: OnFailed = (batches, error) => {
    const halves = error.fault === 'quota' ? halvesOf(batches) : [];
    if (halves.length > 0) keeping.refused.unshift(...halves);
    else bury(batches, error);
  };

  const keeping: Keeping & { writing: readonly Batch[] } = {
    writing: [],
    refused: [],
    append: (make) => run(make, (batches) => (batches.length > 0 ? store.append(batches) : undefined), refuse),
    replace(acked, others, make) {
      keeping.writing = others;
      run(make, (batches) => store.replace(acked, batches), bury);
    },
  };
  return keeping;
}

/** Where there is no room for all there may be for some: one message must not take the others with it. Nothing, when it is alone. */
function halvesOf(batches: readonly Batch[]): readonly Taken[] {
  const [{ delivery }] = batches as readonly [Batch];
  const messages = batches.flatMap((batch) => batch.messages);
  const middle = messages.length >> 1;
  return middle > 0 ? [messages.slice(0, middle), messages.slice(middle)].map((half) => ({ messages: half, delivery })) : [];
}
