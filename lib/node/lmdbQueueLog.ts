import { defer, map, Subject, type Observable } from 'rxjs';
import type { QueuedMessage, QueueLog } from '../app/queue/queueStore.js';
import { readQueuedMessage } from '../app/queue/readQueuedMessage.js';
import { StoreError } from '../errors.js';
import { readValue, type Databases, type QueueKey } from './lmdbDatabases.js';
import { openLmdbEnvironment, type LmdbEnvironment } from './lmdbEnvironment.js';

/**
 * Creates the log of a queue in the environment at `path`, which stays open while the queue is
 * open.
 */
export function createLmdbQueueLog(path: string, name: string): QueueLog {
  const faults$ = new Subject<StoreError>();
  let environment: LmdbEnvironment | undefined;
  let epoch = 0;

  const close = (): void => {
    environment?.release();
    environment = undefined;
  };
  const writeWhenOpen = <T>(job: (databases: Databases) => T): Observable<T> =>
    defer(() => {
      const opened = environment;
      if (!opened) throw new StoreError('lmdb', 'failed', new Error('the queue is not open'));
      return opened.write(() => job(opened.databases));
    });

  return {
    faults$,
    close,
    open: () =>
      defer(() => {
        close();
        environment = openLmdbEnvironment(path);
        return writeWhenOpen((databases) => {
          epoch = beginEpoch(databases, name);
          return readAll(databases, name);
        });
      }).pipe(
        map(({ messages, corrupt }) => {
          for (let reported = 0; reported < corrupt; reported++) faults$.next(new StoreError('lmdb', 'corrupt'));
          return messages;
        }),
      ),
    write: (added, removed) =>
      writeWhenOpen(({ queues, counters }) => {
        if (counters.get(counterOf(name)) !== epoch) throw new StoreError('lmdb', 'fenced');
        for (const { place, message, since } of added) queues.putSync([name, place], { message, since });
        for (const place of removed) queues.removeSync([name, place]);
      }),
  };
}

/** Starts an epoch, which fences earlier owners. */
function beginEpoch({ counters }: Databases, name: string): number {
  const epoch = (counters.get(counterOf(name)) ?? 0) + 1;
  counters.putSync(counterOf(name), epoch);
  return epoch;
}

function readAll({ queues }: Databases, name: string): { readonly messages: readonly QueuedMessage[]; readonly corrupt: number } {
  const keys = [...queues.getKeys({ start: [name], end: [name, Infinity] })];
  const messages = keys.flatMap((key): readonly QueuedMessage[] => {
    const queued = readQueuedMessage(placeOf(key), readValue(queues, key));
    if (!queued) queues.removeSync(key);
    return queued ? [queued] : [];
  });
  return { messages, corrupt: keys.length - messages.length };
}

const placeOf = ([, place]: QueueKey): number => place;
const counterOf = (name: string): string => `queue ${name}`;
