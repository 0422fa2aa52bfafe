import { noop, type Subscription } from 'rxjs';
import type { RxwireError } from '../errors.js';
import { attempt, chain, type MaybeAsync } from '../internal/maybeAsync.js';
import { append, type AppendOptions } from './append.js';
import type { Batch } from './batches.js';
import type { Report } from './events.js';
import type { Flight } from './flight.js';
import type { Storing, Wait } from './storing.js';
import { watch } from './watch.js';

/** Encodes what has got its numbers. */
export type MakeBatches = () => MaybeAsync<readonly Batch[]>;

export interface KeeperOptions extends AppendOptions {
  readonly flight: Flight;
  readonly report: Report;
  readonly wait: Wait;
  /** Ends with the session. */
  readonly life: Subscription;
  /** The session cannot go on. */
  readonly fail: (error: unknown) => void;
}

/** Keeps batches in a store. What cannot be stored is given up. */
export interface Keeper {
  /** Answers with those that are stored. One call at a time of this and `replace`. */
  append(make: MakeBatches): MaybeAsync<readonly Batch[]>;
  /** In the place of all others. */
  replace(acked: number, others: readonly Batch[], make: MakeBatches): MaybeAsync<readonly Batch[]>;
  /** They are done. */
  trim(acked: number): void;
  /** To be called after each write: what was lost during that is stored once more. */
  readonly goOn: () => void;
  /** The messages that will be there for whoever opens the store next. */
  kept(): ReadonlySet<string>;
}

export function createKeeper(options: KeeperOptions, storing: Storing): Keeper {
  const { store, flight, ledger, report, wait } = options;
  /** What is being written just now, or what is still stored while it is encoded anew: what of it will be there is not known. */
  let writing: readonly Batch[] = [];

  const bury = (error: unknown): readonly Batch[] => {
    for (const { messages } of writing) for (const { id } of messages) ledger.close(id, 'dead', { error: error as RxwireError });
    return [];
  };
  const written = (batches: readonly Batch[]): readonly Batch[] => {
    writing = [];
    return batches;
  };
  const run = (make: MakeBatches, write: (batches: readonly Batch[]) => MaybeAsync<readonly Batch[]>): MaybeAsync<readonly Batch[]> =>
    attempt(
      () =>
        chain(make(), (batches) => {
          writing = batches;
          return write(batches);
        }),
      written,
      (error) => written(bury(error)),
    );
  return {
    append: (make) => run(make, (batches) => append(batches, options)),
    replace(acked, others, make) {
      writing = others;
      return run(make, (batches) => chain(store.replace(acked, batches), () => batches));
    },
    trim: (acked) =>
      wait(
        () => store.trim(acked),
        noop,
        (error) => report({ kind: 'error', error }),
      ),
    goOn: watch(options, storing),
    kept: () => new Set(store.isDurable ? [...flight.all(), ...writing].flatMap(({ messages }) => messages.map(({ id }) => id)) : []),
  };
}
