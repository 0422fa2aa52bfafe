export { indexedDbDeadLetters, type IndexedDbDeadLetters, type IndexedDbDeadLettersOptions } from './indexedDbDeadLetters.js';
export { indexedDbOutbox, type IndexedDbOutboxOptions } from './indexedDbOutbox.js';
export { indexedDbQueues } from './indexedDbQueues.js';
