export { indexedDbDeadLetters, type IndexedDbDeadLetters, type IndexedDbDeadLettersOptions } from './indexedDbDeadLetters.js';
export { indexedDbInbox, type IndexedDbInbox, type IndexedDbInboxOptions } from './indexedDbInbox.js';
export { indexedDbOutbox, type IndexedDbOutboxOptions } from './indexedDbOutbox.js';
export { indexedDbQueues } from './indexedDbQueues.js';
export type { IndexedDbTable, IndexedDbTransaction } from './indexedDbStore.js';
