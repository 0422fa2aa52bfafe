import { noop, type Subscription } from 'rxjs';
import type { Report } from './events.js';
import type { Flight } from './flight.js';
import type { OutboxStore } from './store/outboxStore.js';
import type { Storing } from './storing.js';

interface WatchOptions {
  readonly store: OutboxStore;
  readonly flight: Flight;
  /** The session cannot go on. */
  readonly fail: (error: unknown) => void;
  /** Ends with the session. */
  readonly life: Subscription;
  readonly report: Report;
}

/** Looks after what goes wrong with a store by itself. To be called after each write: what was lost during that is stored once more. */
export function watch({ store, flight, fail, life, report }: WatchOptions, storing: Storing): () => void {
  let isLost = false;
  const storeAgain = (): void => {
    isLost = storing.isBusy;
    // All of it is in memory, too: when this fails as well, only a crash would lose it.
    if (!isLost) storing.run(() => store.replace(flight.acked, flight.all()), noop);
  };
  const faults = store.faults$?.subscribe((error) => {
    if (error.fault === 'fenced') {
      fail(error);
      return;
    }
    report({ kind: 'error', error });
    if (error.fault === 'evicted') storeAgain();
  });
  life.add(faults);
  return () => {
    if (isLost) storeAgain();
  };
}
