import { checkOptions } from '../../message/development.js';
import { type QueueStore, storedQueueLog } from '../../operators/queue/queueStore.js';
import { withLock, type ExclusiveOptions } from '../web/exclusive.js';
import { indexedDbStore } from './indexedDbStore.js';

/**
 * Stores queues in IndexedDB, each in a database `rxwire.queue:<name>`. Unfinished messages outlive
 * the page, the browser and a power failure. One tab at a time owns a queue, as with `exclusive`.
 * In the other tabs the queue waits, with its added messages in memory.
 *
 * If the browser removes the database, `errors$` of the queue reports `evicted`: waiting messages
 * are in memory only. Needs the package `idb`.
 *
 * @example
 * import { queue } from 'rxwire';
 * import { indexedDbQueues } from 'rxwire/indexeddb';
 *
 * const uploads = queue('uploads', { store: indexedDbQueues(), maxAge: 86_400_000 });
 */
export function indexedDbQueues(options: ExclusiveOptions = {}): QueueStore {
  checkOptions('indexedDbQueues', options);
  return {
    queue(name) {
      const openStore = () => indexedDbStore(`rxwire.queue:${name}`);
      const log = storedQueueLog({ name: 'indexeddb', log: 'queue', openStore });
      return { ...log, ...withLock(log, `queue:${name}`, options) };
    },
  };
}
