import type { StoreError } from '../errors.js';
import type { Later } from '../internal/later.js';
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

/** Stores batches that have got their numbers; then they may be sent. */
export interface Keeping {
  /** What is being written just now: whether it is stored is not known. */
  readonly writing: readonly Batch[];
  /** Messages that are to get numbers before any others. */
  readonly refused: Taken[];
  append(batches: readonly Batch[]): void;
  /** In the place of all others. */
  replace(acked: number, batches: readonly Batch[]): void;
}

/** @param onStored Told of batches that are stored. */
export function createKeeping(
  { flight, ledger, store }: KeepingOptions,
  storing: Storing,
  onStored: (batches: readonly Batch[]) => void,
): Keeping {
  const refused: Taken[] = [];
  let writing: readonly Batch[] = [];

  const run = (batches: readonly Batch[], write: () => Later<void>, onFailed: (error: StoreError) => void): void => {
    writing = batches;
    const stored = (): void => {
      writing = [];
      batches.forEach(flight.add);
      onStored(batches);
    };
    const failed = (error: unknown): void => {
      writing = [];
      onFailed(error as StoreError);
    };
    storing.run(write, stored, failed);
  };
  const bury = (batches: readonly Batch[], error: StoreError): void => {
    for (const { messages } of batches) for (const { id } of messages) ledger.close(id, 'dead', { error });
  };
  const refuse = (batches: readonly Batch[], error: StoreError): void => {
    const halves = error.fault === 'quota' ? halvesOf(batches) : [];
    if (halves.length > 0) refused.unshift(...halves);
    else bury(batches, error);
  };

  return {
    get writing() {
      return writing;
    },
    refused,
    append: (batches) =>
      run(
        batches,
        () => store.append(batches),
        (error) => refuse(batches, error),
      ),
    replace: (acked, batches) =>
      run(
        batches,
        () => store.replace(acked, batches),
        (error) => bury(batches, error),
      ),
  };
}

/** Where there is no room for all there may be for some: one message must not take the others with it. Nothing, when it is alone. */
function halvesOf(batches: readonly Batch[]): readonly Taken[] {
  const [{ delivery }] = batches as readonly [Batch];
  const messages = batches.flatMap((batch) => batch.messages);
  const middle = messages.length >> 1;
  return middle > 0 ? [messages.slice(0, middle), messages.slice(middle)].map((half) => ({ messages: half, delivery })) : [];
}
