export { indexedDbOutbox, type IndexedDbOutboxOptions } from './indexedDbOutbox.js';
export { indexedDbQueues } from './indexedDbQueues.js';
